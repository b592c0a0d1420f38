//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures

/// The child that the tests start: it has their remote functions.
@main
enum Fixture {
    static func main() {
        ReplacedProgram.runOriginalIfReplaced()
        PythonFunctions.register()
        Mitogen.runChildIfRequested()
        FixtureMaster.run()
    }
}

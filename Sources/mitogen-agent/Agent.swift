//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenBenchFunctions
internal import MitogenFiles

/// What the `mitogen` tool starts in its contexts: this library, and the functions of `mitogen bench`.
@main
enum Agent {
    static func main() {
        Mitogen.runChildIfRequested()
        print("mitogen-agent \(Mitogen.version): the `mitogen` tool starts this program; it does nothing by itself")
    }
}

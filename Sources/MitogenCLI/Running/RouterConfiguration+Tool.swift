//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

extension RouterConfiguration {
    /// What every command of the tool begins with. A machine that died is told from a command that takes long.
    static var ofTool: RouterConfiguration {
        var configuration = RouterConfiguration()
        configuration.keepAliveInterval = .seconds(15)
        configuration.keepAliveTimeout = .seconds(45)
        return configuration
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenCLI

MitogenTool.main()

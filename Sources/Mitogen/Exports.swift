//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// `import Mitogen` is enough to use messages, values and errors.
@_exported public import MitogenPickle
@_exported public import MitogenProtocol

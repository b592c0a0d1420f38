//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// What programs name of the layers below. Whoever works with messages, handles or values that have no type imports
// MitogenProtocol or MitogenPickle as well.
@_exported public import struct MitogenPickle.Blob
@_exported public import struct MitogenProtocol.ConnectionReport
@_exported public import struct MitogenProtocol.ConnectionTarget
@_exported public import typealias MitogenProtocol.ContextID
@_exported public import enum MitogenProtocol.ImageCompression
@_exported public import struct MitogenProtocol.MitogenError
@_exported public import struct MitogenProtocol.ProcessLimits
@_exported public import struct MitogenProtocol.RemoteFailure
@_exported public import struct MitogenProtocol.TargetPlatform

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a stream reads from and writes to: a socket, or two ends of different pipes.
package struct StreamDescriptors: Sendable {
    package let receive: Int32
    package let transmit: Int32

    package init(receive: Int32, transmit: Int32) {
        self.receive = receive
        self.transmit = transmit
    }

    /// One descriptor for both directions.
    package init(socket: Int32) {
        self.init(receive: socket, transmit: socket)
    }

    var areOne: Bool { receive == transmit }

    func close() {
        _ = systemClose(receive)
        if !areOne { _ = systemClose(transmit) }
    }
}

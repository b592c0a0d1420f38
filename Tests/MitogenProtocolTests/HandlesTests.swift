//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct HandlesTests {
    @Test("The standard handles have the numbers of the protocol")
    func numbers() {
        let handles = [
            StandardHandle.getModule, StandardHandle.callFunction, StandardHandle.forwardLog, StandardHandle.addRoute,
            StandardHandle.deleteRoute, StandardHandle.allocateID, StandardHandle.shutdown, StandardHandle.loadModule,
            StandardHandle.forwardModule, StandardHandle.detaching, StandardHandle.callService,
            StandardHandle.stubCallService, StandardHandle.getResource, StandardHandle.loadResource,
        ]
        #expect(handles == Array(100...113))
        #expect(StandardHandle.isDead == 999)
        #expect(StandardHandle.firstFree == 1000)
    }

    @Test("The own handles are reserved, and none of the protocol's")
    func ownNumbers() {
        let own = [
            StandardHandle.configure, StandardHandle.ready, StandardHandle.routeInfo, StandardHandle.routeLost,
            StandardHandle.cancelCall, StandardHandle.processInput,
            StandardHandle.openChannel, StandardHandle.outputCredit,
        ]
        #expect(Set(own).count == own.count)
        #expect(own.allSatisfy { (200..<999).contains($0) })
    }

    @Test("Capabilities are bits")
    func capabilities() {
        let info = PeerInfo(revision: 1, capabilities: PeerInfo.cancellation)
        #expect(info.has(PeerInfo.cancellation))
        #expect(!info.has(PeerInfo.binaryBytes))
        #expect(!info.has(PeerInfo.cancellation | PeerInfo.binaryBytes))
        #expect(PeerInfo.current.has(PeerInfo.cancellation | PeerInfo.binaryBytes | PeerInfo.flowControl))
    }
}

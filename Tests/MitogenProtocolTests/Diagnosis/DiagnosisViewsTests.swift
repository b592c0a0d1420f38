//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct DiagnosisViewsTests {
    @Test("Every reserved handle has a name of its own, and no other has one")
    func names() {
        let reserved = Array<Handle>(100...113) + Array(200...212)
        let names = reserved.map { StandardHandle.name(of: $0) }
        #expect(names.allSatisfy { $0 != nil })
        #expect(Set(names).count == reserved.count)
        #expect(StandardHandle.name(of: 101) == "CALL_FUNCTION")
        #expect(StandardHandle.name(of: 1000) == nil)
        #expect(StandardHandle.name(of: 999) == nil)
    }

    @Test("Registrations are listed by handle, with what is known of requests")
    func registrations() {
        var table = HandleTable()
        let request = HandleTable.Request(function: "Shop.Count", start: 17)
        let first = table.add(NamedHandler("reply"), persists: false, respondent: 4, request: request)
        _ = table.add(NamedHandler("calls"), at: 101, policy: .parents)
        let entries = table.registrations
        #expect(entries.map(\.handle) == [101, first])
        #expect(entries.map(\.policyName) == ["parents", "anyone"])
        #expect(entries[0].request == nil)
        #expect(entries[1].request?.function == "Shop.Count")
        #expect(entries[1].request?.start == 17)
        #expect(entries[1].respondent == 4)
    }

    @Test("Routes are listed with the next context on the way")
    func routes() {
        var table = RoutingTable(contextID: 0, parentIDs: [])
        _ = table.connectChild(LinkID(rawValue: 1), id: 1, name: "child")
        _ = table.addRoute(to: 5, name: "below", through: LinkID(rawValue: 1))
        #expect(table.knownRoutes.map(\.id) == [1, 5])
        #expect(table.knownRoutes.map(\.next) == [1, 1])
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@Suite
struct RuntimeDemanglerTests {
    @Test("A name that crashes the runtime is found, and only that one")
    func crash() throws {
        let result = try RuntimeDemangler().resolve(["Si", "SS", "Si_SS$tD", "Sb"])
        #expect(result.failure?.hasSuffix("with Si_SS$tD") == true)
        #expect(result.resolved == 2)
    }

    @Test("Names that are harmless leave nothing to report")
    func harmless() throws {
        let result = try RuntimeDemangler().resolve(["Si", "4Shop3BuyV", "21mitogen_demangle_fuzz5PlainV"])
        #expect(result.failure == nil)
        #expect(result.slow.isEmpty)
        #expect(result.resolved == 2)
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol
internal import Testing

@Suite("Python modules on their way")
struct ModuleTableTests {
    private typealias Module = ModuleTable.Module

    private static func module(_ name: String, _ related: [String] = [], isMissing: Bool = false) -> Module {
        Module(
            name: ModuleName(name),
            data: Array(name.utf8),
            related: related.map { ModuleName($0) },
            isMissing: isMissing
        )
    }

    @Test("A module is asked for once, whoever wants it, and sent to each once")
    func once() {
        var table = ModuleTable()
        #expect(table.request(ModuleName("a"), by: 1) == [.ask(ModuleName("a"))])
        #expect(table.request(ModuleName("a"), by: 2) == [])
        let module = Self.module("a")
        #expect(table.loaded(module) == [.send(module, to: 1), .send(module, to: 2)])
        #expect(table.request(ModuleName("a"), by: 1) == [])
        #expect(table.request(ModuleName("a"), by: 3) == [.send(module, to: 3)])
        #expect(table.loaded(module) == [])
    }

    @Test("That there is no such module is said once, too")
    func missing() throws {
        var table = ModuleTable()
        #expect(table.request(ModuleName("a"), by: 1) == [.ask(ModuleName("a"))])
        let module = try Module(missing: ModuleName("a"))
        #expect(table.loaded(module) == [.send(module, to: 1)])
        #expect(table.request(ModuleName("a"), by: 1) == [])
        #expect(Module(parsing: module.data) == module)
    }

    @Test("What a module imports from its own package is sent before it, and nothing of other packages")
    func related() {
        var table = ModuleTable()
        let helper = Self.module("p.helper")
        let other = Self.module("q.other")
        let gone = Self.module("p.gone", isMissing: true)
        for module in [helper, other, gone] { #expect(table.loaded(module) == []) }
        let package = Self.module("p", ["p.gone", "p.helper", "p.unknown", "q.other"])
        #expect(table.loaded(package) == [])
        #expect(table.request(ModuleName("p"), by: 1) == [.send(helper, to: 1), .send(package, to: 1)])
        let calls = Self.module("p.calls", ["p.helper", "q.other"])
        #expect(table.loaded(calls) == [])
        #expect(table.request(ModuleName("p.calls"), by: 1) == [.send(calls, to: 1)])
        #expect(table.request(ModuleName("p.calls"), by: 2) == [.send(calls, to: 2)])
    }

    @Test("What a context has brought with it is not sent")
    func brought() {
        var table = ModuleTable(brought: ["mitogen", "mitogen.core"])
        let core = Self.module("mitogen.core")
        #expect(table.loaded(core) == [])
        let parent = Self.module("mitogen.parent", ["mitogen.core"])
        #expect(table.loaded(parent) == [])
        #expect(table.request(ModuleName("mitogen.parent"), by: 1) == [.send(parent, to: 1)])
        #expect(table.request(ModuleName("mitogen.core"), by: 1) == [])
    }

    @Test("A module is passed on towards a context below a child, after the child has it")
    func pushed() {
        var table = ModuleTable()
        #expect(table.push(ModuleName("a"), to: 9, by: 1) == [.ask(ModuleName("a"))])
        let module = Self.module("a")
        #expect(table.loaded(module) == [.send(module, to: 1), .forward(ModuleName("a"), for: 9, by: 1)])
        #expect(table.push(ModuleName("a"), to: 1, by: 1) == [])
        #expect(table.push(ModuleName("a"), to: 8, by: 1) == [.forward(ModuleName("a"), for: 8, by: 1)])
    }

    @Test("Nobody waits for a child that is gone, and the next one's request is the same question")
    func gone() {
        var table = ModuleTable()
        #expect(table.request(ModuleName("a"), by: 1) == [.ask(ModuleName("a"))])
        table.forget(1)
        #expect(table.request(ModuleName("a"), by: 2) == [])
        let module = Self.module("a")
        #expect(table.loaded(module) == [.send(module, to: 2)])
    }

    @Test("A child that asks without end is refused, and others are not")
    func bounds() {
        var table = ModuleTable()
        for number in 0..<ModuleTable.limitPerChild { _ = table.request(ModuleName("m\(number)"), by: 2) }
        for _ in 0..<3 {
            let name = ModuleName("one more")
            #expect(table.request(name, by: 2) == [.refuse(name, to: 2)])
        }
        #expect(table.request(ModuleName("m0"), by: 3) == [])
        #expect(table.request(ModuleName("n"), by: 3) == [.ask(ModuleName("n"))])
        let long = ModuleName(String(repeating: "x", count: ModuleTable.longestName + 1))
        #expect(table.request(long, by: 3) == [.refuse(long, to: 3)])
    }

    @Test("The same question is put once, however often a child repeats it")
    func repeated() {
        var table = ModuleTable()
        #expect(table.request(ModuleName("a"), by: 1) == [.ask(ModuleName("a"))])
        for _ in 0..<5 { #expect(table.request(ModuleName("a"), by: 1) == []) }
        let module = Self.module("a")
        #expect(table.loaded(module) == [.send(module, to: 1)])
    }

    @Test("What could not be looked for is asked for again by the next")
    func failed() {
        var table = ModuleTable()
        let name = ModuleName("a")
        #expect(table.request(name, by: 1) == [.ask(name)])
        #expect(table.failed(name) == [.refuse(name, to: 1)])
        #expect(table.request(name, by: 2) == [.ask(name)])
        let module = Self.module("a")
        #expect(table.loaded(module) == [.send(module, to: 2)])
        table.forget(name)
        #expect(table.request(name, by: 3) == [.ask(name)])
    }

    @Test("Names are the same if their bytes are")
    func bytes() {
        var table = ModuleTable()
        let (composed, decomposed) = (ModuleName("\u{e4}"), ModuleName("a\u{308}"))
        #expect(table.request(composed, by: 1) == [.ask(composed)])
        #expect(table.request(decomposed, by: 1) == [.ask(decomposed)])
    }

    @Test("Nothing is kept where that is not wanted, and each request is answered")
    func forgetful() {
        var table = ModuleTable(remembers: false)
        let module = Self.module("a")
        for _ in 0..<2 {
            #expect(table.request(module.name, by: 1) == [.ask(module.name)])
            #expect(table.loaded(module) == [.send(module, to: 1)])
        }
    }

    @Test("A resource is asked for, and answered, as Python does")
    func resources() throws {
        let name = ResourceName(package: "p", resource: "f.txt")
        #expect(try ResourceName(parsing: name.pickled()) == name)
        #expect(try ResourceName(parsing: name.answer([1, 2])) == name)
        #expect(try ResourceName(parsing: name.answer(nil)) == name)
        #expect(ResourceName(parsing: [1, 2, 3]) == nil)
        #expect(ResourceName(key: name.key) == name)
    }
}

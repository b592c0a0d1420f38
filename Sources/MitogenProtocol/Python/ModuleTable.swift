//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// The Python modules that pass through a router on their way to Python contexts, or their resources (Mitogen semantics,
/// sections 9.1 to 9.5). It is fed with requests and answers, and says what to ask and to send.
///
/// A child asks for each module once, and is told each once: those that it will need next are sent before the one that it
/// has asked for. What was found is kept, so the next child's request goes no further than here.
package struct ModuleTable: Sendable {
    /// What is known of a module.
    package struct Module: Sendable, Equatable {
        package var name: ModuleName
        /// The data of the message that brings it, as its source has made it.
        package var data: [UInt8]
        /// What it imports.
        package var related: [ModuleName]
        package var isMissing: Bool

        package init(name: ModuleName, data: [UInt8], related: [ModuleName] = [], isMissing: Bool) {
            self.name = name
            self.data = data
            self.related = related
            self.isMissing = isMissing
        }
    }

    package enum Action: Sendable, Equatable {
        /// Ask for a module where this router gets its own from.
        case ask(ModuleName)
        case send(Module, to: ContextID)
        /// Tell a child that there is no such module, or none that it gets.
        case refuse(ModuleName, to: ContextID)
        /// Tell a child's router to pass a module on towards a context below it.
        case forward(ModuleName, for: ContextID, by: ContextID)
    }

    /// Who waits for a module.
    private struct Wait: Sendable, Equatable {
        let child: ContextID
        /// The context below the child that the module is for; nil for the child itself.
        let beyond: ContextID?
    }

    /// The most names that a child may ask for, and the most bytes of a name. No program has so many modules.
    package static let limitPerChild = 10_000
    package static let longestName = 1000

    private var known: [ModuleName: Module] = [:]
    private var waits: [ModuleName: [Wait]] = [:]
    /// For how many names each child waits.
    private var waiting: [ContextID: Int] = [:]
    /// What each child was told, or has brought with it.
    private var sent: [ContextID: Set<ModuleName>] = [:]
    private let brought: Set<ModuleName>
    private let remembers: Bool

    /// - Parameters:
    ///   - brought: What a context has from the start.
    ///   - remembers: Whether what was found is kept, and nobody told twice; true by default. A child that asks again gets
    ///     an answer again otherwise.
    package init(brought: [String] = [], remembers: Bool = true) {
        self.brought = Set(brought.map { ModuleName($0) })
        self.remembers = remembers
    }

    /// A child asks for a module. It waits for the answer without a limit, so it gets one in any case.
    package mutating func request(_ name: ModuleName, by child: ContextID) -> [Action] {
        if sent[child, default: brought].contains(name) { return [] }
        let count = sent[child, default: []].count + waiting[child, default: 0]
        guard count < Self.limitPerChild, name.bytes.count <= Self.longestName else {
            return [.refuse(name, to: child)]
        }
        return obtain(name, Wait(child: child, beyond: nil))
    }

    /// The parent wants a context below a child to have a module.
    ///
    /// - Parameter child: The child on the way, or the context itself.
    package mutating func push(_ name: ModuleName, to context: ContextID, by child: ContextID) -> [Action] {
        obtain(name, Wait(child: child, beyond: child == context ? nil : context))
    }

    private mutating func obtain(_ name: ModuleName, _ wait: Wait) -> [Action] {
        if known[name] != nil { return deliver(name, wait) }
        let others = waits[name]
        guard others?.contains(wait) != true else { return [] }
        waits[name, default: []].append(wait)
        waiting[wait.child, default: 0] += 1
        return others == nil ? [.ask(name)] : []
    }

    private mutating func takeWaits(for name: ModuleName) -> [Wait] {
        let ready = waits.removeValue(forKey: name) ?? []
        for wait in ready { waiting[wait.child, default: 1] -= 1 }
        return ready
    }

    /// A module has come, whether it was asked for or not.
    package mutating func loaded(_ module: Module) -> [Action] {
        let ready = takeWaits(for: module.name)
        known[module.name] = module
        defer { if !remembers { known[module.name] = nil } }
        return ready.flatMap { deliver(module.name, $0) }
    }

    /// A module was not found this time. Whoever asks later asks anew.
    package mutating func failed(_ name: ModuleName) -> [Action] {
        takeWaits(for: name).filter { $0.beyond == nil }.map { .refuse(name, to: $0.child) }
    }

    /// What is known of a module is no longer true.
    package mutating func forget(_ name: ModuleName) {
        known[name] = nil
    }

    /// A child is gone, and its number is never used again.
    package mutating func forget(_ child: ContextID) {
        sent[child] = nil
        guard waiting.removeValue(forKey: child) != nil else { return }
        // What was asked for comes, though perhaps nobody waits any more.
        for name in waits.keys { waits[name]?.removeAll { $0.child == child } }
    }

    private mutating func deliver(_ name: ModuleName, _ wait: Wait) -> [Action] {
        guard let module = known[name] else { return [] }
        guard remembers else { return [.send(module, to: wait.child)] }
        var told = sent[wait.child, default: brought]
        var actions: [Action] = []
        if !told.contains(name) {
            for other in module.related where !told.contains(other) {
                // Modules of other packages may be installed there, and would be sent for nothing.
                guard other.package == name || told.contains(other.package),
                    let found = known[other], !found.isMissing
                else { continue }
                told.insert(other)
                actions.append(.send(found, to: wait.child))
            }
            told.insert(name)
            actions.append(.send(module, to: wait.child))
            sent[wait.child] = told
        }
        if let context = wait.beyond { actions.append(.forward(name, for: context, by: wait.child)) }
        return actions
    }
}

/// The name of a module. Unlike texts, two names are the same if their bytes are, as for Python.
package struct ModuleName: Sendable, Hashable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package init(_ text: String) {
        bytes = Array(text.utf8)
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The outermost package that it is in, or itself.
    var package: ModuleName { ModuleName(bytes: Array(bytes.prefix { $0 != UInt8(ascii: ".") })) }
}

extension ModuleTable.Module {
    /// What says that there is no such module.
    package init(missing name: ModuleName) throws(PickleError) {
        var writer = PickleWriter(options: .init(bytesStyle: .python))
        try writer.writeStream(.tuple([.string(name.text), .none, .none, .none, .tuple([])]))
        self.init(name: name, data: writer.bytes, isMissing: true)
    }

    /// Reads what a parent has sent (section 9.2).
    package init?(parsing data: [UInt8]) {
        guard case .tuple(let items)? = try? PickleReader.decodeFirst(data, limits: .fitting(data)), items.count == 5,
            let name = Self.text(items[0])
        else { return nil }
        let related: [PickleValue]
        switch items[4] {
        case .tuple(let names), .list(let names): related = names
        default: related = []
        }
        self.init(
            name: ModuleName(name),
            data: data,
            related: related.compactMap(Self.text).map { ModuleName($0) },
            isMissing: items[2] == .none
        )
    }

    private static func text(_ value: PickleValue) -> String? {
        switch value {
        case .string(let text): text
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        default: nil
        }
    }
}

/// A file inside of a package, which a module reads.
package struct ResourceName: Sendable, Equatable {
    package var package: String
    package var resource: String

    package init(package: String, resource: String) {
        self.package = package
        self.resource = resource
    }

    /// Reads the first value of a request, or of the answer.
    package init?(parsing data: [UInt8]) {
        guard case .tuple(let items)? = try? PickleReader.decodeFirst(data, limits: .fitting(data)), items.count == 2,
            case .string(let package) = items[0], case .string(let resource) = items[1]
        else { return nil }
        self.init(package: package, resource: resource)
    }

    /// What it is called in a ``ModuleTable``; nothing else has a zero byte in its name.
    package var key: ModuleName { ModuleName("\(package)\0\(resource)") }

    /// The resource of such a name.
    package init(key: ModuleName) {
        let parts = key.bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        package = String(decoding: parts[0], as: UTF8.self)
        resource = parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : ""
    }

    /// What says what is in it; nil if there is no such file.
    package func answer(_ content: [UInt8]?) throws(PickleError) -> [UInt8] {
        try pickled() + Self.pickled(content.map { .bytes($0) } ?? .none)
    }

    /// What asks for it.
    package func pickled() throws(PickleError) -> [UInt8] {
        try Self.pickled(.tuple([.string(package), .string(resource)]))
    }

    private static func pickled(_ value: PickleValue) throws(PickleError) -> [UInt8] {
        var writer = PickleWriter(options: .init(bytesStyle: .python))
        try writer.writeStream(value)
        return writer.bytes
    }
}

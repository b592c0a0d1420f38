//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The decoder that values see: one value, and where it is.
final class ValueDecoder: Decoder {
    /// How the value is reached from the one around it.
    enum Step {
        case key(any CodingKey)
        case position(Int)
        /// The same value, as another type.
        case same
    }

    /// What is the same for all values of one decoding.
    final class Settings {
        let nestingLimit: Int
        private let decoder: PickleDecoder

        /// Where an error was thrown that does not know that itself.
        private(set) var failurePath: [any CodingKey]?

        init(_ decoder: PickleDecoder) {
            nestingLimit = decoder.limits.depth * 2
            self.decoder = decoder
        }

        var userInfo: [CodingUserInfoKey: any Sendable] {
            decoder.userInfoSource?() ?? decoder.userInfo
        }

        /// Keeps the place where an error of a type's own implementation comes from, as it passes through unchanged.
        func noteFailure(_ error: any Error, in decoder: ValueDecoder) {
            guard failurePath == nil, !(error is DecodingError), !(error is PickleError) else {
                return
            }
            failurePath = decoder.codingPath
        }
    }

    let value: PickleValue
    let settings: Settings

    /// Where the last key was found. Keys are usually asked for in the order they were written.
    var hint = 0

    /// What else the keys of this value have, if it is a call's arguments.
    let positional: PositionalArguments?

    private let parent: ValueDecoder?
    private let step: Step
    private let nesting: Int

    init(root value: PickleValue, of decoder: PickleDecoder, positional: PositionalArguments? = nil) {
        self.value = value
        self.positional = positional
        self.settings = Settings(decoder)
        self.parent = nil
        self.step = .same
        self.nesting = 0
    }

    init(_ value: PickleValue, within parent: ValueDecoder, step: Step) throws {
        guard parent.nesting < parent.settings.nestingLimit else {
            throw PickleError(.limitExceeded, "values are nested too deep").located(in: parent.codingPath)
        }
        self.value = value
        self.positional = nil
        self.settings = parent.settings
        self.parent = parent
        self.step = step
        self.nesting = parent.nesting + 1
    }

    var userInfo: [CodingUserInfoKey: Any] { settings.userInfo }

    /// The path is only put together when somebody asks for it, which is mostly an error.
    var codingPath: [any CodingKey] {
        var path: [any CodingKey] = []
        var decoder: ValueDecoder? = self
        while let current = decoder {
            switch current.step {
            case .key(let key): path.append(key)
            case .position(let position): path.append(PathKey.position(position))
            case .same: break
            }
            decoder = current.parent
        }
        return path.reversed()
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        switch value {
        case .dictionary(let pairs), .keywordArguments(let pairs):
            KeyedDecodingContainer(KeyedContainer<Key>(decoder: self, pairs: pairs))
        default: throw mismatch([String: PickleValue].self, "dict")
        }
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        switch value {
        case .list(let items), .tuple(let items): UnkeyedContainer(decoder: self, items: items)
        default: throw mismatch([PickleValue].self, "list")
        }
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        self
    }

    /// The error for a value of another type than the one asked for. It names the types only, never the value.
    func mismatch(_ type: Any.Type, _ expected: String) -> DecodingError {
        let text = "expected \(expected) but found \(value.kind)"
        return .typeMismatch(type, .init(codingPath: codingPath, debugDescription: text))
    }
}

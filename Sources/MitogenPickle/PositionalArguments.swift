//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The positional arguments of a call, which have no names: the first one belongs to the key that is asked for first, and
/// so on. A type whose `init(from:)` the compiler has written asks for its properties in the order of their declaration.
final class PositionalArguments {
    private var rest: ArraySlice<PickleValue>
    private var taken: [String: PickleValue] = [:]
    private let named: PickleDictionary
    /// A key that has both.
    private(set) var duplicate: String?

    init(_ values: [PickleValue], named: PickleDictionary) {
        rest = values[...]
        self.named = named
    }

    /// How many nobody has asked for.
    var unused: Int { rest.count }

    func value(for key: String) -> PickleValue? {
        if let known = taken[key] { return known }
        guard let next = rest.popFirst() else { return nil }
        if named[key] != nil { duplicate = duplicate ?? key }
        taken[key] = next
        return next
    }
}

extension PickleDecoder {
    /// Decodes the arguments of a call as the type that has them as properties.
    ///
    /// - Throws: ``PickleError`` as ``decode(_:from:)-(_,PickleValue)``, and if there are more positional arguments than
    ///   properties, or one that is also named.
    package func decode<T: Decodable>(
        _ type: T.Type,
        positional: [PickleValue],
        named: PickleDictionary
    ) throws(PickleError) -> T {
        let arguments = PositionalArguments(positional, named: named)
        let value: T
        do throws(PickleError) {
            value = try decode(type, from: ValueDecoder(root: .dictionary(named), of: self, positional: arguments))
        } catch {
            throw arguments.duplicate.map(Self.twoValues) ?? error
        }
        if let duplicate = arguments.duplicate { throw Self.twoValues(for: duplicate) }
        guard arguments.unused == 0 else {
            let (count, known) = (positional.count, positional.count - arguments.unused)
            throw PickleError(.invalidValue, "it takes \(known) positional arguments but \(count) were given")
        }
        return value
    }

    private static func twoValues(for key: String) -> PickleError {
        PickleError(.invalidValue, "there are two values for \(PythonRepr.text(key))")
    }
}

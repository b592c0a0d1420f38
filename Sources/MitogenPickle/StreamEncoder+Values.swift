//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension StreamEncoder {
    /// Encodes a value where the writer is.
    func encodeValue<T: Encodable>(_ value: T) throws {
        if try !encodePlain(value) {
            try encodeStructure(value)
        }
    }

    /// Encodes a value of a type that has an opcode, and does nothing for other types.
    ///
    /// - Returns: Whether the type is one of those.
    func encodePlain<T: Encodable>(_ value: T) throws -> Bool {
        do throws(PickleError) {
            return try writer.write(plain: value)
        } catch {
            throw fail(error.located(in: codingPath))
        }
    }

    /// Encodes a value by its own implementation.
    func encodeStructure<T: Encodable>(_ value: T) throws {
        // Types that refer to themselves without any container would not be stopped by the depth of containers.
        guard nesting < writer.options.depthLimit * 2 else {
            throw PickleError(.limitExceeded, "values are nested too deep").located(in: codingPath)
        }
        let outer = scope
        scope = Scope(frames: writer.frames.count, type: T.self)
        nesting += 1
        defer {
            scope = outer
            nesting -= 1
        }
        do {
            try value.encode(to: self)
            try completeScope()
        } catch let error as PickleError {
            throw error.located(in: codingPath)
        } catch {
            if failurePath == nil, !(error is EncodingError) {
                failurePath = codingPath
            }
            throw error
        }
    }

    /// Closes what the value left open. A value that encodes nothing is an empty `dict`.
    func completeScope() throws {
        if case .nothing = scope.content {
            _ = openContainer(isKeyed: true)
        }
        try checkFailure()
        while writer.frames.count > scope.frames {
            try writer.endContainer()
        }
    }

    /// Encodes what belongs to a key or a position. If that fails, nothing of it remains, and the value may go on.
    func undoingFailure(key: any CodingKey, _ body: () throws -> Void) throws {
        let start = writer.checkpoint()
        let spliceCount = splices.count
        codingPath.append(key)
        defer { codingPath.removeLast() }
        do {
            try body()
        } catch {
            writer.rollBack(to: start)
            splices.removeLast(splices.count - spliceCount)
            throw error
        }
    }

    /// Writes, with the coding path in the error.
    func located(_ body: (inout PickleWriter) throws(PickleError) -> Void) throws {
        do throws(PickleError) {
            try body(&writer)
        } catch {
            throw error.located(in: codingPath)
        }
    }
}

extension PickleWriter {
    /// Writes a value of a type that has an opcode, and does nothing for other types.
    ///
    /// - Returns: Whether the type is one of those.
    mutating func write<T>(plain value: T) throws(PickleError) -> Bool {
        if let value = same(value, as: String.self) {
            try write(value)
        } else if let value = same(value, as: Int.self) {
            try write(value)
        } else if let value = same(value, as: Bool.self) {
            try write(value)
        } else if let value = same(value, as: Double.self) {
            try write(value)
        } else if let value = same(value, as: [UInt8].self) {
            try write(bytes: value)
        } else {
            return false
        }
        return true
    }

    /// A value as the type that it has, or `nil` if it has another. Unlike a cast it does not look into collections: an
    /// empty `[Int]` can be cast to `[UInt8]`.
    @inline(__always)
    private func same<A, B>(_ value: A, as type: B.Type) -> B? {
        A.self == B.self ? unsafeBitCast(value, to: B.self) : nil
    }
}

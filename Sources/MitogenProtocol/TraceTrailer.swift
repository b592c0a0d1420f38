//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if Tracing
    internal import MitogenPickle

    /// Trace fields behind the data of a request that has no place for them: calls of services and actors.
    ///
    /// Whoever reads a request takes the first value and ignores the rest. Behind it come the fields as a second
    /// pickle, its length in four bytes, the most significant first, and a mark. A pickle ends with another byte than
    /// the mark.
    package enum TraceTrailer {
        private static let mark: UInt8 = 0xFF
        private static let tail = 5

        package static func append(_ fields: TraceFields, to data: inout [UInt8]) {
            guard !fields.isEmpty else { return }
            var writer = PickleWriter(options: .init(bytesStyle: .binary))
            guard (try? writer.writeStream(fields.value)) != nil else { return }
            let bytes = writer.bytes
            data += bytes
            data += stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: bytes.count >> $0) }
            data.append(mark)
        }

        /// The fields at the end of a request's data; none if it has none, or they are malformed.
        package static func fields(in data: [UInt8]) -> TraceFields {
            guard data.count > tail, data[data.count - 1] == mark else { return TraceFields() }
            let count = data[(data.count - tail)..<(data.count - 1)].reduce(0) { $0 << 8 | Int($1) }
            // Twice the fields' bytes is more than their pickle can have.
            guard count <= 2 * TraceFields.mostBytes, count <= data.count - tail else { return TraceFields() }
            let bytes = Array(data[(data.count - tail - count)..<(data.count - tail)])
            return TraceFields(try? PickleReader.decodeFirst(bytes))
        }
    }
#endif

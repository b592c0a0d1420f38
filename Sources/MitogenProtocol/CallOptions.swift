//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// What a call says besides function and arguments: a seventh item of its tuple, a dictionary. It is there only if it
/// says something, and only towards peers that read it (``PeerInfo/callOptions``).
package struct CallOptions: Sendable, Hashable {
    /// The call is part of a chain for its order only: its failure does not keep the others from running.
    package var isIndependent = false

    /// How many seconds the call may take, from its arrival on.
    package var timeout: Double?

    #if Tracing
        /// What instruments want carried along.
        package var trace = TraceFields()
    #endif

    package init() {}

    package var isEmpty: Bool { self == CallOptions() }

    /// What a received dictionary says. Keys that are not known are ignored.
    package init(_ items: PickleDictionary) {
        if case .bool(true) = items["independent"] { isIndependent = true }
        switch items["timeout"] {
        // A number that is too large for a clock is no limit.
        case .float(let seconds): timeout = seconds < 1e9 ? max(0, seconds) : nil
        case .int(let seconds): timeout = seconds < 1_000_000_000 ? Double(max(0, seconds)) : nil
        default: break
        }
        #if Tracing
            trace = TraceFields(items["trace"])
        #endif
    }

    package var items: PickleDictionary {
        var items = PickleDictionary()
        if isIndependent { items["independent"] = .bool(true) }
        if let timeout { items["timeout"] = .float(timeout) }
        #if Tracing
            if !trace.isEmpty { items["trace"] = trace.value }
        #endif
        return items
    }
}

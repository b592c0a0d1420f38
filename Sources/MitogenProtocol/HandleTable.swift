//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Who may send to a handle (Mitogen wire protocol, section 1.7).
public enum HandlePolicy: Sendable {
    /// Everyone.
    case anyone
    /// This context and its ancestors.
    case parents
    /// A directly connected peer, for itself.
    case immediatePeer
    /// Whoever the function accepts: it gets the message's header, and the context at the other end of the stream that
    /// it came on, nil if it was sent here. It is called while the router decides, so it must return at once and not
    /// call the router.
    case custom(@Sendable (_ header: MessageHeader, _ peer: ContextID?) -> Bool)
}

/// The handles of one router, and what is behind each (Mitogen wire protocol, section 4.5).
///
/// What is behind a handle is any object: the router knows which kinds there are. It is no generic parameter, because
/// generic code that is not specialised across modules costs a tenth of a call (measured).
package struct HandleTable: Sendable {
    package typealias Handler = any AnyObject & Sendable

    struct Entry: Sendable {
        let persists: Bool
        let policy: HandlePolicy
        let respondent: ContextID?
        let request: Request?
        let handler: Handler
        /// The handles before and after it of those that wait for the same respondent; 0 for none.
        var previous: Handle = 0
        var next: Handle = 0
    }

    /// What is known about a request that waits behind a handle, for those who look into a running program.
    package struct Request: Sendable {
        /// The function that was called, if it is a call.
        package let function: String?
        /// The monotonic clock, in nanoseconds, when it was sent.
        package let start: Int64

        package init(function: String?, start: Int64) {
            self.function = function
            self.start = start
        }
    }

    /// Where a message comes from. A stream that is gone is neither: what came on it is not delivered.
    package enum Origin: Sendable, Hashable {
        /// It was sent here.
        case here
        /// The context at the other end of the stream that it came on.
        case peer(ContextID)

        var peer: ContextID? {
            if case .peer(let id) = self { id } else { nil }
        }
    }

    /// What is to be done with a message for this context.
    package enum Delivery: Sendable {
        case invoke(Handler)
        case refuse(String)
    }

    // Among so many the standard handles, 100 to 227, have slots of their own.
    private(set) var entries = NumberTable<Handle, Entry>(capacity: 128)
    /// The last handle that waits for each context, which leads to the others.
    private var lastOfRespondent = NumberTable<ContextID, Handle>()
    private var next: Handle

    /// - Parameter next: The first handle to hand out.
    package init(next: Handle = StandardHandle.firstFree) {
        self.next = next
    }

    package var count: Int { entries.count }

    /// Registers a handler, under a new handle unless one is given; nil if the given one is taken.
    @_optimize(speed)
    package mutating func add(
        _ handler: Handler,
        at handle: Handle? = nil,
        persists: Bool = true,
        policy: HandlePolicy = .anyone,
        respondent: ContextID? = nil,
        overwrites: Bool = false,
        request: Request? = nil
    ) -> Handle? {
        // 0 means that there is none, here as on the wire.
        guard handle != 0 else { return nil }
        let handle = handle ?? unusedHandle()
        if entries.contains(handle) {
            guard overwrites else { return nil }
            _ = remove(handle)
        }
        var entry = Entry(
            persists: persists,
            policy: policy,
            respondent: respondent,
            request: request,
            handler: handler
        )
        if let respondent {
            entry.previous = lastOfRespondent[respondent] ?? 0
            entries.update(entry.previous) { $0.next = handle }
            lastOfRespondent.insert(handle, for: respondent)
        }
        entries.insert(entry, for: handle)
        return handle
    }

    /// What is behind a handle.
    package func handler(at handle: Handle) -> Handler? { entries[handle]?.handler }

    /// The contexts that something is waited for from.
    package var respondents: Set<ContextID> { Set(lastOfRespondent.keys) }

    /// The only context that may send to a handle, if there is one.
    package func respondent(at handle: Handle) -> ContextID? { entries[handle]?.respondent }

    @_optimize(speed)
    @discardableResult
    package mutating func remove(_ handle: Handle) -> Handler? {
        guard let entry = entries.removeValue(forKey: handle) else { return nil }
        unlink(entry)
        return entry.handler
    }

    @_optimize(speed)
    private mutating func unlink(_ entry: Entry) {
        guard let respondent = entry.respondent else { return }
        if entry.previous != 0 { entries.update(entry.previous) { $0.next = entry.next } }
        if entry.next != 0 {
            entries.update(entry.next) { $0.previous = entry.previous }
        } else if entry.previous != 0 {
            lastOfRespondent.insert(entry.previous, for: respondent)
        } else {
            lastOfRespondent.removeValue(forKey: respondent)
        }
    }

    /// Finds who gets a message (section 4.5).
    @_optimize(speed)
    package mutating func deliver(
        _ header: MessageHeader,
        from origin: Origin,
        hasParentAuthority: Bool
    ) -> Delivery {
        guard let entry = entries[header.handle] else { return .refuse(DeadReason.invalidHandle) }
        if let reason = refusal(by: entry, header, origin, hasParentAuthority: hasParentAuthority) {
            return .refuse(reason)
        }
        if !entry.persists {
            entries.removeValue(forKey: header.handle)
            unlink(entry)
        }
        return .invoke(entry.handler)
    }

    /// Why a message would not be delivered; nil if it would.
    package func refusal(of header: MessageHeader, from origin: Origin, hasParentAuthority: Bool) -> String? {
        guard let entry = entries[header.handle] else { return DeadReason.invalidHandle }
        return refusal(by: entry, header, origin, hasParentAuthority: hasParentAuthority)
    }

    @_optimize(speed)
    private func refusal(
        by entry: Entry,
        _ header: MessageHeader,
        _ origin: Origin,
        hasParentAuthority: Bool
    ) -> String? {
        let isDead = header.replyTo == StandardHandle.isDead
        if let respondent = entry.respondent, !isDead, header.srcID != respondent {
            return DeadReason.unexpectedContext
        }
        guard accepts(entry.policy, header, origin, hasParentAuthority: hasParentAuthority) else {
            return DeadReason.refusedByPolicy
        }
        return nil
    }

    /// Removes and returns the handlers that wait for a context that is gone (section 4.8).
    package mutating func removeHandlers(waitingFor respondent: ContextID) -> [(Handle, Handler)] {
        var removed: [(Handle, Handler)] = []
        while let handle = lastOfRespondent[respondent], let handler = remove(handle) {
            removed.append((handle, handler))
        }
        return removed.sorted { $0.0 < $1.0 }
    }

    /// Removes and returns every handler: the router ends.
    package mutating func removeAll() -> [(Handle, Handler)] {
        defer {
            entries.removeAll()
            lastOfRespondent.removeAll()
        }
        return entries.pairs.sorted { $0.key < $1.key }.map { ($0.key, $0.value.handler) }
    }

    @_optimize(speed)
    private func accepts(
        _ policy: HandlePolicy,
        _ header: MessageHeader,
        _ origin: Origin,
        hasParentAuthority: Bool
    ) -> Bool {
        switch policy {
        case .anyone: true
        case .parents: hasParentAuthority
        case .immediatePeer: origin == .here || origin == .peer(header.srcID)
        case .custom(let isAccepted): isAccepted(header, origin.peer)
        }
    }

    /// The next number whose slot is free, so that its entry is found without a hash. After 128 steps it takes the next
    /// number that is not in use, slot or not.
    @_optimize(speed)
    private mutating func unusedHandle() -> Handle {
        var steps = 0
        while next < StandardHandle.firstFree || entries.contains(next) || steps < 128 && !entries.hasRoom(for: next) {
            next = next == .max ? StandardHandle.firstFree : next + 1
            steps += 1
        }
        defer { next = next == .max ? StandardHandle.firstFree : next + 1 }
        return next
    }
}

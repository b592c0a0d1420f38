//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle
package import MitogenProtocol
internal import Synchronization

extension Router {
    /// Answers requests that come to a handle: what other modules of this package build on.
    ///
    /// - Parameters:
    ///   - handle: The handle; a new one by default.
    ///   - policy: Who may send requests; everyone by default.
    ///   - name: What a request is called in an error's traceback.
    ///   - prepare: Called for each request, in the order in which they arrive; what it gives goes to `body`.
    ///   - body: Runs in a task of its own and returns an encoded value. Inside, ``ExternalContext/current`` is set.
    /// - Returns: The handle.
    /// - Throws: ``MitogenError`` with `.misuse` if the handle is taken or the router is shut down.
    package func serve<Place: Sendable>(
        at handle: Handle? = nil,
        policy: HandlePolicy = .anyone,
        describedAs name: @escaping @Sendable (Message) -> String,
        prepare: @escaping @Sendable () -> Place,
        _ body: @escaping @Sendable (ServedRequest, Place) async throws -> [UInt8]
    ) throws(MitogenError) -> Handle {
        try addHandler(at: handle, policy: policy) { [tether = Tether(self)] message in
            guard let router = tether.object, !message.isDead else { return }
            let request = ServedRequest(message, in: router)
            router.dispatcher.serve(request, describedAs: { name(message) }) {
                let place = prepare()
                return { try await body(request, place) }
            }
        }
    }

    /// Answers requests in any order; see the other `serve`.
    package func serve(
        at handle: Handle? = nil,
        policy: HandlePolicy = .anyone,
        describedAs name: @escaping @Sendable (Message) -> String,
        _ body: @escaping @Sendable (ServedRequest) async throws -> [UInt8]
    ) throws(MitogenError) -> Handle {
        try serve(at: handle, policy: policy, describedAs: name, prepare: {}) { request, _ in try await body(request) }
    }

    /// What values that come from other contexts find in their decoder's `userInfo`.
    package func setCodingInformation(_ key: CodingUserInfoKey, to value: any Sendable) {
        codingInformation.withLock { $0[key] = value }
    }

    /// Reads values that other contexts have sent.
    package var decoder: PickleDecoder {
        var decoder = PickleDecoder()
        decoder.userInfoSource = { [self] in knownCodingInformation() }
        return decoder
    }

    /// Decodes a value that another context has sent. Contexts and senders in it are this router's own.
    func decode<Value: Decodable>(_ type: Value.Type, from value: PickleValue, sentBy context: Context) throws -> Value
    {
        // Nothing in these asks for the router, and the task-local value costs as much as decoding them.
        if type == Int.self || type == String.self || type == Bool.self || type == Double.self {
            return try PickleDecoder().decode(type, from: value)
        }
        return try ExternalContext.$current.withValue(ExternalContext(router: self, caller: context)) {
            try decoder.decode(type, from: value)
        }
    }

    /// The information for values, which the first value that asks for it has made.
    private func knownCodingInformation() -> [CodingUserInfoKey: any Sendable] {
        let known = codingInformation.withLock { $0 }
        guard known.isEmpty else { return known }
        // Modules above this one are looked for by name: most programs do without them.
        (_typeByName("18MitogenDistributed17ActorSystemSourceV") as? any CodingInformationSource.Type)?.prepare(self)
        return codingInformation.withLock { $0 }
    }
}

/// What a module above this one gives a router when values ask for it.
package protocol CodingInformationSource: SendableMetatype {
    /// Calls ``Router/setCodingInformation(_:to:)``.
    static func prepare(_ router: Router)
}

extension Context {
    /// Sends a request to a handle of this context and waits for the answer.
    ///
    /// - Parameter encode: Gets what is to be sent with the request besides itself; nothing for peers that would not
    ///   understand it.
    /// - Throws: ``MitogenError`` as ``call(_:timeout:)->_``.
    package func request(
        at handle: Handle,
        describedAs name: String,
        timeout: Duration? = nil,
        encode: (CallOptions) throws(MitogenError) -> [UInt8]
    ) async throws(MitogenError) -> CallReply {
        try await caller.reply(at: handle, describedAs: name, timeout: timeout, encode)
    }

    /// Sends a request to a handle of this context; the answer is waited for later.
    package func startRequest(
        at handle: Handle,
        describedAs name: String,
        timeout: Duration? = nil,
        encode: (CallOptions) throws(MitogenError) -> [UInt8]
    ) throws(MitogenError) -> RunningCall {
        try caller.start(at: handle, describedAs: name, timeout: timeout, encode)
    }

    /// Sends a request to a handle of this context and forgets it.
    package func sendRequest(
        at handle: Handle,
        describedAs name: String,
        timeout: Duration? = nil,
        encode: (CallOptions) throws(MitogenError) -> [UInt8]
    ) throws(MitogenError) {
        var options = CallOptions()
        if let timeout, peer?.has(PeerInfo.callOptions) == true { options.timeout = timeout / .seconds(1) }
        try caller.sendNoReply(try encode(options), functionName: name, to: handle)
    }
}

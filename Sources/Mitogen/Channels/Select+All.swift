//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenProtocol

extension Select {
    /// Makes a select of receivers.
    ///
    /// - Throws: ``MitogenError`` as `add`.
    public convenience init(
        _ receivers: [Receiver<Value>],
        isOneShot: Bool = true
    ) throws(MitogenError) where Value: Codable {
        self.init(isOneShot: isOneShot)
        for receiver in receivers { try add(receiver) }
    }

    /// Makes a select of calls.
    ///
    /// - Throws: ``MitogenError`` as `add`.
    public convenience init(_ calls: [PendingCall<Value>]) throws(MitogenError) {
        self.init()
        for call in calls { try add(call) }
    }

    /// Makes a select of streams, whose functions begin now, for all of their values.
    ///
    /// - Throws: ``MitogenError`` as `add`.
    public convenience init(_ streams: [RemoteValues<Value>]) throws(MitogenError) where Value: Decodable {
        self.init(isOneShot: false)
        for stream in streams { try add(stream) }
    }

    /// Makes a select of latches.
    ///
    /// - Throws: ``MitogenError`` as `add`.
    public convenience init(_ latches: [Latch<Value>], isOneShot: Bool = true) throws(MitogenError) {
        self.init(isOneShot: isOneShot)
        for latch in latches { try add(latch) }
    }

    /// Makes a select of answers to messages.
    ///
    /// - Throws: ``MitogenError`` as `add`.
    public convenience init(_ answers: [PendingMessage]) throws(MitogenError) where Value == Message {
        self.init()
        for answer in answers { try add(answer) }
    }

    /// What each call has come to: its result, or why there is none.
    ///
    /// - Parameters:
    ///   - calls: The calls.
    ///   - timeout: How long to wait for all calls together; no limit by default. A call without a result by then fails
    ///     with `.timeoutError`; its function goes on.
    /// - Returns: As many results as there are calls, in the same order. When the calling task is cancelled, so are the
    ///   calls that run, and their results are `.cancelled`.
    public static func results(
        of calls: [PendingCall<Value>],
        timeout: Duration? = nil
    ) async -> [Result<Value, MitogenError>] {
        let deadline = timeout.map { ContinuousClock.now + $0 }
        var results: [Result<Value, MitogenError>] = []
        for call in calls {
            do throws(MitogenError) {
                let left = deadline.map { Swift.max(.zero, ContinuousClock.now.duration(to: $0)) }
                results.append(.success(try await call.get(timeout: left)))
            } catch {
                if Task.isCancelled { call.cancel() }
                results.append(.failure(error))
            }
        }
        return results
    }

    /// Takes one value of each receiver, in the order they come.
    ///
    /// - Parameters:
    ///   - receivers: The receivers.
    ///   - timeout: How long to wait at most, for all together; for ever by default.
    /// - Throws: ``MitogenError``: what the first one to fail does; what the others have stays with them.
    public static func all(
        _ receivers: [Receiver<Value>],
        timeout: Duration? = nil
    ) async throws(MitogenError) -> [Value] where Value: Codable {
        let select = Select()
        for receiver in receivers { try select.add(receiver) }
        return try await select.values(within: timeout)
    }

    /// The result of each call, in the order they come.
    ///
    /// - Parameters:
    ///   - calls: The calls.
    ///   - timeout: How long to wait at most, for all together; for ever by default. The functions go on after that.
    /// - Throws: ``MitogenError``: what the first one to fail does, and the others go on; `.cancelled` if the calling task
    ///   is, and then so are the functions that run.
    public static func all(
        _ calls: [PendingCall<Value>],
        timeout: Duration? = nil
    ) async throws(MitogenError) -> [Value] {
        let select = Select()
        for call in calls { try select.add(call) }
        do throws(MitogenError) {
            return try await select.values(within: timeout)
        } catch {
            if Task.isCancelled { for call in calls { call.cancel() } }
            throw error
        }
    }

    private func values(within timeout: Duration?) async throws(MitogenError) -> [Value] {
        defer { close() }
        let deadline = timeout.map { ContinuousClock.now + $0 }
        var values: [Value] = []
        while hasSources { values.append(try await get(timeout: deadline.map { $0 - .now })) }
        return values
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// One thread that does all input and output: it waits for descriptors and timers and runs what they are for.
///
/// A Broker is an executor: actors and tasks can run on its thread. Nothing that runs there may block. It serves one or
/// several routers, and ends when it is shut down (Mitogen semantics, sections 6.7 and 8.9).
public final class Broker: SerialExecutor {
    /// Something for the thread to do, in the order in which it was handed in.
    private enum Work: Sendable {
        case job(UnownedJob)
        case taskJob(UnownedJob)
        case call(@Sendable () -> Void)
        case watch(Broker.Side, adding: Broker.Readiness, removing: Broker.Readiness)
        case close(Broker.Side)
        case timer(Timer)
    }

    private struct State {
        var work: [Work] = []
        /// Whether the thread waits, or is about to wait, for descriptors.
        var isAsleep = false
        var shutdownRequested = false
        /// Whether the shutdown hooks have been taken to be run.
        var hasBegunToEnd = false
        var hasEnded = false
        var beforeShutdown: [@Sendable () -> Void] = []
        var onShutdown: [@Sendable () -> Void] = []
        var onExit: [@Sendable () -> Void] = []
        var joiners: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())
    private let wakeDescriptor: Int32
    private let loop: EventLoop<SystemPoller>
    private let isDriven = Atomic<Bool>(false)
    private let inlineSequence = Atomic<UInt64>(0)
    private let thread = Atomic<UInt64>(0)
    private let keepAliveFlag = Atomic<Bool>(false)
    private let tasks = BrokerTaskExecutor()

    /// How long a shutdown waits for what still goes on: 5 s in a master, 3 s in a child.
    public let shutdownTimeout: Duration

    /// Starts a Broker with its thread.
    ///
    /// - Parameters:
    ///   - shutdownTimeout: How long a shutdown waits for what still goes on; 5 s by default.
    /// - Throws: ``MitogenError`` if a descriptor or the thread cannot be made.
    public convenience init(shutdownTimeout: Duration = .seconds(5)) throws(MitogenError) {
        try self.init(shutdownTimeout: shutdownTimeout, poller: .best)
    }

    package init(shutdownTimeout: Duration, poller: PollerKind) throws(MitogenError) {
        self.shutdownTimeout = shutdownTimeout
        let descriptor = cmitogen_eventfd_create()
        guard descriptor >= 0 else { throw .system("cannot create an event descriptor", errno: -descriptor) }
        wakeDescriptor = descriptor
        do throws(MitogenError) {
            loop = try EventLoop(poller: SystemPoller(poller), wakeDescriptor: descriptor)
        } catch {
            _ = systemClose(descriptor)
            throw error
        }
        tasks.connect(to: self)
        FunctionExecutor.shared.add(self)
        let result = FunctionExecutor.shared.startDriver(of: self)
        guard result == 0 else {
            FunctionExecutor.shared.remove(self)
            throw .system("cannot start the broker's thread", errno: -result)
        }
    }

    deinit {
        _ = systemClose(wakeDescriptor)
    }

    // MARK: Handing in work

    /// Whether the caller runs on the Broker's thread.
    public var isCurrent: Bool {
        thread.load(ordering: .relaxed) == cmitogen_thread_id()
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // A job that comes after the end still runs, here: dropping it would leave its task waiting for ever.
        if !add(.job(job)) { job.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    /// Runs tasks on the Broker's thread. They must not block.
    ///
    /// It is not the Broker itself: a job that was run as an actor's would be handed in again for every function
    /// that is not isolated (measured: seven times for one remote call).
    package var taskExecutor: some TaskExecutor { tasks }

    fileprivate func enqueueTaskJob(_ job: UnownedJob) -> Bool {
        add(.taskJob(job))
    }

    /// Runs `body` on the Broker's thread: at once if the caller is on it, else in the order handed in.
    ///
    /// - Returns: False if the Broker has ended; `body` is then not run.
    @discardableResult
    public func schedule(_ body: @escaping @Sendable () -> Void) -> Bool {
        if isCurrent {
            body()
            return true
        }
        return add(.call(body))
    }

    /// Runs `body` on the Broker's thread after what was handed in before, also if the caller is on it.
    @discardableResult
    package func scheduleLater(_ body: @escaping @Sendable () -> Void) -> Bool {
        add(.call(body))
    }

    /// Runs `body` on the Broker's thread and returns its result.
    ///
    /// - Throws: What `body` throws; ``MitogenError`` with `.misuse` if the Broker has ended.
    /// - Important: Cancelling the calling task does not stop `body`, which must not block anyway.
    public func submit<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let accepted = schedule { continuation.resume(with: .init(catching: body)) }
            if !accepted {
                continuation.resume(throwing: MitogenError(.misuse, "the Broker has already been shut down"))
            }
        }
    }

    /// Runs `body` on the Broker's thread after `delay`.
    ///
    /// A timer that has not run yet keeps a Broker that shuts down alive, up to the limit.
    @discardableResult
    public func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) -> Timer {
        let timer = Timer(deadline: monotonicNanoseconds() &+ max(0, delay.nanoseconds), action: body)
        _ = add(.timer(timer))
        return timer
    }

    private func add(_ work: Work) -> Bool {
        let (accepted, mustWake) = state.withLock { state in
            guard !state.hasEnded else { return (false, false) }
            state.work.append(work)
            defer { state.isAsleep = false }
            return (true, state.isAsleep)
        }
        if mustWake { cmitogen_eventfd_signal(wakeDescriptor) }
        return accepted
    }

    // MARK: Descriptors

    /// Calls the side's handler whenever its descriptor is readable.
    public func startReceiving(_ side: Broker.Side) {
        _ = add(.watch(side, adding: .readable, removing: []))
    }

    /// Stops watching for readability; a hang-up is still reported.
    ///
    /// On the Broker's thread, the handler is not called for what was found ready before, either.
    public func stopReceiving(_ side: Broker.Side) {
        mute(side, .readable)
        _ = add(.watch(side, adding: [], removing: .readable))
    }

    /// Calls the side's handler whenever its descriptor is writable.
    public func startTransmitting(_ side: Broker.Side) {
        _ = add(.watch(side, adding: .writable, removing: []))
    }

    /// Stops watching for writability.
    public func stopTransmitting(_ side: Broker.Side) {
        mute(side, .writable)
        _ = add(.watch(side, adding: [], removing: .writable))
    }

    /// Lets go of the side and closes its descriptor. On the Broker's thread, its handler is not called after that.
    public func close(_ side: Broker.Side) {
        mute(side, [.readable, .writable, .hangup])
        if !add(.close(side)) { _ = systemClose(side.descriptor) }
    }

    private func mute(_ side: Broker.Side, _ readiness: Broker.Readiness) {
        if isCurrent { loop.mute(side, readiness) }
    }

    // MARK: Ending

    /// Asks the Broker to end, in the order of Mitogen semantics, section 8.9. Returns at once; harmless when repeated.
    public func shutdown() {
        let mustWake = state.withLock { state in
            state.shutdownRequested = true
            defer { state.isAsleep = false }
            return state.isAsleep
        }
        if mustWake { cmitogen_eventfd_signal(wakeDescriptor) }
    }

    /// Waits until the Broker's thread has ended. Not to be called on that thread.
    ///
    /// - Important: Cancelling the calling task does not shorten the wait, which `shutdownTimeout` bounds once
    ///   ``shutdown()`` was called.
    public func join() async {
        await withCheckedContinuation { continuation in
            whenEnded { continuation.resume() }
        }
    }

    /// Blocks the calling thread until the Broker's thread has ended.
    package func joinBlocking() {
        guard let parker = Parker() else { return }
        whenEnded { parker.unpark() }
        parker.park()
    }

    /// Calls `body` when the Broker's thread does nothing more, at once if that is so already.
    func whenEnded(_ body: @escaping @Sendable () -> Void) {
        let hasEnded = state.withLock { state in
            if !state.hasEnded { state.joiners.append(body) }
            return state.hasEnded
        }
        if hasEnded { body() }
    }

    /// Whether something goes on that a shutdown waits for, as of the Broker's last turn: watched descriptors that
    /// keep it alive, and timers.
    public var keepsAlive: Bool { keepAliveFlag.load(ordering: .relaxed) }

    /// Calls `body` on the Broker's thread when the loop ends, before anything is stopped. Later, it is called soon.
    package func beforeShutdown(_ body: @escaping @Sendable () -> Void) {
        whenShutDown(before: body)
    }

    /// Registers a shutdown hook, which runs on the Broker's thread. If the shutdown has begun, it runs soon.
    package func onShutdown(_ body: @escaping @Sendable () -> Void) {
        whenShutDown(then: body)
    }

    /// Calls `before` like ``beforeShutdown(_:)`` and `then` like ``onShutdown(_:)``, in this order also when both are
    /// late.
    func whenShutDown(
        before: @escaping @Sendable () -> Void = {},
        then: @escaping @Sendable () -> Void = {}
    ) {
        let isLate = state.withLock { state in
            if !state.hasBegunToEnd {
                state.beforeShutdown.append(before)
                state.onShutdown.append(then)
            }
            return state.hasBegunToEnd
        }
        let both: @Sendable () -> Void = {
            before()
            then()
        }
        if isLate, !schedule(both) { both() }
    }

    /// Calls `body` as the last thing that the Broker's thread does.
    package func onExit(_ body: @escaping @Sendable () -> Void) {
        let hasEnded = state.withLock { state in
            if !state.hasEnded { state.onExit.append(body) }
            return state.hasEnded
        }
        if hasEnded { body() }
    }

    // MARK: The thread

    // One thread at a time drives the loop: it waits for events and does what they are for. When they have made one
    // function runnable, that thread runs it itself, after it has released the loop: waking another thread would cost
    // two context switches (measured: 9 of 40 us for a call). If the function does not return within a tick of the
    // executor's monitor, another thread takes the loop over, so that a function that blocks delays routing for a
    // millisecond or two, once: after that functions get other threads for a while.

    /// Makes the calling thread the one that drives the loop; false if there is one.
    private func acquire() -> Bool {
        guard isDriven.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        else {
            return false
        }
        thread.store(cmitogen_thread_id(), ordering: .relaxed)
        cmitogen_set_thread_slot(Unmanaged.passUnretained(self).toOpaque())
        return true
    }

    private func release() {
        cmitogen_set_thread_slot(nil)
        thread.store(0, ordering: .relaxed)
        isDriven.store(false, ordering: .releasing)
    }

    /// The Broker whose loop the calling thread drives.
    static var onThisThread: Broker? {
        // Unretained is right: the driving thread holds its Broker for as long as the slot is set.
        cmitogen_thread_slot().map { Unmanaged<Broker>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Keeps a function's job for this thread, which drives the loop, until the turn is over. False if another thread
    /// has to run it.
    func keepForLater(_ job: UnownedJob) -> Bool {
        if loop.inlinePenalty > 0 {
            loop.inlinePenalty -= 1
            return false
        }
        guard loop.inlineJob == nil else { return false }
        loop.inlineJob = job
        return true
    }

    /// Whether a thread drives the loop at this moment.
    var isDrivenNow: Bool { isDriven.load(ordering: .relaxed) }

    /// Odd while the thread that drove the loop runs a function.
    var inlineState: UInt64 { inlineSequence.load(ordering: .relaxed) }

    /// Drives the loop until the end, or until another thread has taken it over.
    func drive(takingOver: Bool = false) {
        guard acquire() else { return }
        if takingOver { loop.inlinePenalty = 128 }
        while !state.withLock({ $0.shutdownRequested }) {
            turn(limit: nil, endsOnRequest: true)
            guard let job = loop.inlineJob.take() else { continue }
            release()
            runInline(job)
            guard acquire() else { return }
        }
        loop.inlinePenalty = .max
        runShutdown()
        finish()
        release()
        FunctionExecutor.shared.remove(self)
    }

    private func runInline(_ job: UnownedJob) {
        inlineSequence.wrappingAdd(1, ordering: .relaxed)
        FunctionExecutor.shared.wakeMonitor()
        job.runSynchronously(on: FunctionExecutor.shared.asUnownedTaskExecutor())
        inlineSequence.wrappingAdd(1, ordering: .relaxed)
    }

    /// Does what was handed in, then waits for descriptors and timers, but at most `limit` nanoseconds.
    private func turn(limit: Int64?, endsOnRequest: Bool) {
        let hasWorked = doWork()
        let mayBlock = state.withLock { state in
            // During a shutdown, the work just done may have been the last that the Broker waited for.
            let mayEnd = endsOnRequest ? state.shutdownRequested : hasWorked
            state.isAsleep = state.work.isEmpty && loop.inlineJob == nil && !mayEnd
            return state.isAsleep
        }
        loop.turn(limit: mayBlock ? limit : 0) {
            state.withLock { $0.isAsleep = false }
        }
    }

    /// Returns whether there was anything to do.
    @discardableResult
    private func doWork() -> Bool {
        let work = state.withLock { state in
            guard !state.work.isEmpty else { return [Work]() }
            let work = state.work
            state.work = []
            return work
        }
        for item in work {
            switch item {
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            case .taskJob(let job): job.runSynchronously(on: tasks.asUnownedTaskExecutor())
            case .call(let body): body()
            case .watch(let side, let adding, let removing): loop.watch(side, adding: adding, removing: removing)
            case .close(let side): loop.close(side)
            case .timer(let timer): loop.schedule(timer)
            }
        }
        return !work.isEmpty
    }

    private func runShutdown() {
        let (before, on) = state.withLock { state in
            state.hasBegunToEnd = true
            defer { (state.beforeShutdown, state.onShutdown) = ([], []) }
            return (state.beforeShutdown, state.onShutdown)
        }
        for body in before { body() }
        for body in on { body() }
        let deadline = monotonicNanoseconds() + shutdownTimeout.nanoseconds
        while true {
            doWork()
            let isDone = !loop.keepsAlive && state.withLock { $0.work.isEmpty }
            keepAliveFlag.store(!isDone, ordering: .relaxed)
            let now = monotonicNanoseconds()
            if isDone || now >= deadline { return }
            turn(limit: deadline - now, endsOnRequest: false)
        }
    }

    private func finish() {
        while let exits = takeExits() {
            for body in exits { body() }
        }
        let (joiners, rest) = state.withLock { state in
            defer { (state.joiners, state.work) = ([], []) }
            return (state.joiners, state.work)
        }
        // What was handed in too late is not lost: jobs run, descriptors are closed.
        for item in rest {
            switch item {
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            case .taskJob(let job): job.runSynchronously(on: tasks.asUnownedTaskExecutor())
            case .call(let body): body()
            case .close(let side): _ = systemClose(side.descriptor)
            case .watch, .timer: break
            }
        }
        for body in joiners { body() }
    }

    /// Takes the exit hooks; when there are none left, the Broker has ended.
    private func takeExits() -> [@Sendable () -> Void]? {
        state.withLock { state in
            state.hasEnded = state.onExit.isEmpty
            defer { state.onExit = [] }
            return state.hasEnded ? nil : state.onExit
        }
    }
}

/// Runs tasks on a Broker's thread.
private final class BrokerTaskExecutor: TaskExecutor {
    private struct Reference {
        var broker: Tether<Broker>?
    }

    private let reference = Mutex(Reference())

    func connect(to broker: Broker) {
        reference.withLock { $0.broker = Tether(broker) }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let broker = reference.withLock { $0.broker }?.object
        if broker?.enqueueTaskJob(job) != true { job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}

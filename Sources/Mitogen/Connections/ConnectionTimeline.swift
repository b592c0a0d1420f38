//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// Notes how far an attempt to connect has come, and when.
final class ConnectionTimeline: Sendable {
    private let start = ContinuousClock.now
    private let notes = Mutex(ConnectionReport())

    /// What is known now.
    var report: ConnectionReport {
        let time = elapsed
        return notes.withLock { notes in
            var report = notes
            report.duration = time
            return report
        }
    }

    func note(_ stage: ConnectionReport.Stage) {
        let time = elapsed
        notes.withLock { $0.note(stage, at: time) }
    }

    func note(_ machine: BootstrapMachine) {
        let time = elapsed
        notes.withLock { notes in
            notes.note(machine.stage, at: time)
            notes.platform = machine.platform?.description
            notes.wasCached = machine.wasCached
            notes.podContainer = machine.podContainer
        }
    }

    func noteImage(byteCount: Int) {
        notes.withLock { $0.imageBytes = byteCount }
    }

    /// Since the attempt began.
    private var elapsed: Duration { ContinuousClock.now - start }
}

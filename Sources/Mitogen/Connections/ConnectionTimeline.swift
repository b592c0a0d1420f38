//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// How far an attempt to connect has come, and when.
struct ConnectionTimeline: Sendable {
    private let start = ContinuousClock.now
    private var notes = ConnectionReport()

    /// What is known now.
    var report: ConnectionReport {
        var report = notes
        report.duration = elapsed
        return report
    }

    mutating func note(_ stage: ConnectionReport.Stage) { notes.note(stage, at: elapsed) }

    mutating func note(_ machine: BootstrapMachine) {
        note(machine.stage)
        notes.platform = machine.platform?.description
        notes.wasCached = machine.wasCached
        notes.podContainer = machine.podContainer
    }

    mutating func noteImage(byteCount: Int) { notes.imageBytes = byteCount }

    /// Since the attempt began.
    private var elapsed: Duration { ContinuousClock.now - start }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What happens during a run, in the order in which it is shown.
package enum RunEvent: Sendable {
    /// Work on a target has begun.
    case started(target: String)
    /// A command wrote something; only sent to renderers whose ``RunRenderer/wantsCapturedOutput`` is false.
    case output(target: String, stream: OutputStreamKind, bytes: [UInt8])
    /// A target is done.
    case finished(TargetReport)
    /// All targets are done, or the run was given up.
    case ended
}

/// Shows the results of a run in one of the forms of ``OutputMode``.
///
/// A renderer keeps its state in itself and is told where to write each time, so it can be moved between threads and
/// tested with a sink in memory.
package protocol RunRenderer: Sendable {
    /// Whether the output of a command must be collected in an ``OutputSpool`` and come with its ``TargetReport``.
    ///
    /// If false, output is sent as ``RunEvent/output(target:stream:bytes:)`` when it comes, and reports have none.
    var wantsCapturedOutput: Bool { get }

    /// Whether a progress line may be shown; false where an unfinished line of a command may be on the terminal.
    var allowsProgressLine: Bool { get }

    /// Sets the time of the events that follow, counted from the start of the run, for those that show it.
    mutating func advance(to elapsed: Duration)

    /// Shows an event.
    mutating func handle(_ event: RunEvent, to sink: inout some OutputSink) throws(OutputError)
}

extension RunRenderer {
    /// Does nothing.
    package mutating func advance(to elapsed: Duration) {}
}

/// The forms of output that `--output` names.
package enum OutputMode: String, Hashable, Sendable, CaseIterable {
    /// The output of each target under a heading, when the target is done.
    case grouped
    /// Targets with the same output and status together, when all are done.
    case gather
    /// Lines as they come, each behind the name of its target.
    case stream
    /// An object on one line for each target, when the target is done.
    case json
    /// An object on one line for everything that happens, as it happens.
    case events
    /// Nothing, as the output goes into files.
    case none

    /// One line for `--help`, without a full stop.
    package var help: String {
        switch self {
        case .grouped: "each target's output under a heading when it ends (default)"
        case .gather: "targets with the same output and status under one heading, at the end"
        case .stream: "lines as they come, each behind the name of its target"
        case .json: "one JSON object per target, on one line, when it ends"
        case .events: "one JSON object per event, on one line, as it happens"
        case .none: "nothing but failures, as for --output-dir"
        }
    }

    /// The renderer for a run.
    ///
    /// - Parameters:
    ///   - labels: The labels of the targets.
    ///   - paths: The hops of each target, by its label.
    ///   - showsDifferences: Whether groups are compared with the largest one.
    package func makeRenderer(
        labels: [String],
        paths: [String: [String]] = [:],
        showsDifferences: Bool = false
    ) -> any RunRenderer {
        switch self {
        // One target needs no heading: people expect the command's own output, in a pipe above all.
        case .grouped where labels.count == 1: RawRenderer()
        case .grouped: GroupedRenderer()
        case .gather: GatherRenderer(labels: labels, showsDifferences: showsDifferences)
        case .stream: StreamRenderer(labels: labels)
        case .json: JSONRenderer()
        case .events: EventsRenderer(labels: labels, paths: paths)
        case .none: SilentRenderer()
        }
    }
}

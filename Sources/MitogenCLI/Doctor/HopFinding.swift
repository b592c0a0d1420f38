//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// What `mitogen doctor` has found out about one hop.
struct HopFinding: Sendable {
    /// The target up to this hop.
    let target: TargetSpecification
    var connection: ConnectionReport?
    /// The median time of a call, in milliseconds.
    var roundTrip: Double?
    var processID: Int32?
    var user: String?
    var host: String?
    /// The container of a pod that was reached.
    var podContainer: String?
    /// Set if the connection was there already.
    var held: HeldConnection?
    var holder: Int32?
    var failure: MitogenError?

    init(target: TargetSpecification, connection: ConnectionReport?) {
        self.target = target
        self.connection = connection
        self.podContainer = connection?.podContainer
    }

    init(target: TargetSpecification, failure: MitogenError) {
        self.target = target
        self.connection = failure.connection
        self.failure = failure
    }

    /// The last lines that the other side has said are shown up to this number.
    static let shownLines = 10

    // MARK: For people

    /// A paragraph: the target, a line for each stage, and what is wrong.
    var text: String {
        let hops = self.target.canonicalText
        let name = self.target.label == hops ? [] : [Line(name: "hops", value: hops)]
        let lines = name + self.stageLines + self.resultLines
        let shown = lines.map { line in
            let name = line.name + String(repeating: " ", count: max(0, 14 - line.name.count))
            return "  \(name)\(TerminalSanitizer.visible(line.value))"
        }
        return ([TerminalSanitizer.visible(self.target.label)] + shown).joined(separator: "\n") + "\n"
    }

    private struct Line {
        let name: String
        let value: String
    }

    private var stageLines: [Line] {
        guard let connection else { return [] }
        return self.stages.map { stage in
            let time = DecimalText.text(stage.seconds * 1000, digits: 1) + " ms"
            let padded = String(repeating: " ", count: max(0, 10 - time.count)) + time
            let isLast = self.failure != nil && stage.stage == connection.stage
            let remark = isLast ? "failed" : self.remark(on: stage.stage, connection)
            return Line(name: Self.name(of: stage.stage), value: remark.isEmpty ? padded : "\(padded)  \(remark)")
        }
    }

    private var resultLines: [Line] {
        guard let failure else {
            let call = self.roundTrip.map { Line(name: "call", value: "\(Self.milliseconds($0))  round trip, median") }
            let place = [self.user, self.host].compactMap { $0 }.joined(separator: "@")
            let process = self.processID.map { "process \($0)" }
            let who = [place.isEmpty ? nil : place, process].compactMap { $0 }.joined(separator: ", ")
            let pod = self.podContainer.map { Line(name: "container", value: $0) }
            let held = self.held.map { Line(name: "held", value: self.heldText($0)) }
            return [held, call, pod, who.isEmpty ? nil : Line(name: "reached", value: who)].compactMap { $0 }
        }
        var lines = [Line(name: "cause", value: "\(failure.code): \(failure.message)")]
        if let context = failure.context { lines.append(Line(name: "at", value: context)) }
        lines += failure.diagnostics.suffix(Self.shownLines).map { Line(name: "said", value: $0) }
        if let hint = failure.toolHint { lines.append(Line(name: "hint", value: hint)) }
        return lines
    }

    private func heldText(_ held: HeldConnection) -> String {
        let time = "for \(HeldConnection.time(held.heldSeconds))"
        return ([time + (self.holder.map { " by process \($0)" } ?? "")] + held.history).joined(separator: ", ")
    }

    private static func name(of stage: ConnectionReport.Stage) -> String {
        switch stage {
        case .connecting: "connect"
        case .choosingImage: "choose image"
        case .sendingImage: "send image"
        case .starting: "start"
        case .ready: "ready"
        }
    }

    private func remark(on stage: ConnectionReport.Stage, _ connection: ConnectionReport) -> String {
        switch stage {
        case .connecting: connection.platform ?? ""
        case .sendingImage: "\(connection.imageBytes / 1024) KiB"
        case .starting: connection.wasCached ? "from the cache" : ""
        case .choosingImage, .ready: ""
        }
    }

    private static func milliseconds(_ value: Double) -> String {
        let text = DecimalText.text(value, digits: 2) + " ms"
        return String(repeating: " ", count: max(0, 10 - text.count)) + text
    }

    /// How long the attempt was in each stage.
    private var stages: [(stage: ConnectionReport.Stage, seconds: Double)] {
        guard let connection else { return [] }
        return connection.steps.indices.compactMap { index in
            let step = connection.steps[index]
            if step.stage == .ready { return nil }
            let end = index + 1 < connection.steps.count ? connection.steps[index + 1].time : connection.duration
            return (step.stage, max(.zero, end - step.time) / .seconds(1))
        }
    }

    // MARK: For programs

    /// What `schema` says here and in the objects of a tree. Whoever changes a member in a way that a reader could
    /// notice raises it; members that are added do not.
    static let schemaVersion = 1

    /// A JSON object on one line.
    var json: String {
        var members = [("schema", "\(Self.schemaVersion)"), ("target", Self.string(self.target.label))]
        members.append(("path", Self.path(of: self.target)))
        members.append(("ok", self.failure == nil ? "true" : "false"))
        let times = self.stages.map { "\"\($0.stage.rawValue)\":\(DecimalText.text($0.seconds * 1000, digits: 3))" }
        members.append(("stages_ms", "{" + times.joined(separator: ",") + "}"))
        if let connection {
            members.append(("connect_ms", DecimalText.text(connection.duration / .milliseconds(1), digits: 3)))
            members.append(("cached", connection.wasCached ? "true" : "false"))
            members.append(("image_bytes", "\(connection.imageBytes)"))
            if let platform = connection.platform { members.append(("platform", Self.string(platform))) }
        }
        if let roundTrip { members.append(("call_p50_ms", DecimalText.text(roundTrip, digits: 3))) }
        if let podContainer { members.append(("container", Self.string(podContainer))) }
        if let user { members.append(("user", Self.string(user))) }
        if let host { members.append(("host", Self.string(host))) }
        if let held {
            members.append(("held_s", DecimalText.text(held.heldSeconds, digits: 3)))
            members.append(("made_anew", "\(held.renewals)"))
            members.append(("last_loss", held.loss.map(Self.string) ?? "null"))
        }
        if let processID { members.append(("pid", "\(processID)")) }
        if let failure { members.append(("error", Self.object(failure))) }
        return "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }

    /// A JSON object for what has failed.
    static func object(_ failure: MitogenError) -> String {
        var members = [("code", self.string("\(failure.code)")), ("message", self.string(failure.message))]
        if let stage = failure.stage { members.append(("stage", self.string(stage.rawValue))) }
        if let context = failure.context { members.append(("context", self.string(context))) }
        members.append(("said", "[" + failure.diagnostics.map(self.string).joined(separator: ",") + "]"))
        if let hint = failure.toolHint { members.append(("hint", self.string(hint))) }
        return "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }

    /// A JSON array of the hops of a target.
    static func path(of target: TargetSpecification) -> String {
        "[" + target.hops.map { self.string($0.canonicalText) }.joined(separator: ",") + "]"
    }

    private static func string(_ text: String) -> String {
        String(decoding: JSONStringEscaper.string(text), as: UTF8.self)
    }
}

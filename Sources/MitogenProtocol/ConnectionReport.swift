//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension ConnectionReport {
    /// How far an attempt to connect has come.
    public enum Stage: String, Sendable, Hashable, Codable, CaseIterable {
        /// The tool that makes the connection was started; nothing has answered from the far side.
        case connecting
        /// The far side has answered; the image for it is looked for or compressed.
        case choosingImage
        /// The image is being sent.
        case sendingImage
        /// The program was executed and has not answered.
        case starting
        /// The program has answered.
        case ready
    }
}

/// What one attempt to connect did, and how long it took.
public struct ConnectionReport: Sendable, Codable {
    /// A stage that the attempt has reached.
    public struct Step: Sendable, Codable {
        public var stage: ConnectionReport.Stage
        /// When it was reached, from the start of the attempt on.
        public var time: Duration

        package init(_ stage: ConnectionReport.Stage, at time: Duration) {
            self.stage = stage
            self.time = time
        }
    }

    /// The stages that were reached, in their order; the first is ``ConnectionReport/Stage/connecting`` at 0.
    public var steps: [Step]
    /// How long it took until it was ready, or had failed.
    public var duration = Duration.zero
    /// The far side's system and processor in the words of `uname -sm`; nil if it has not told them.
    public var platform: String?
    /// Whether the image was found in the far side's cache.
    public var wasCached = false
    /// The container of a Kubernetes pod that was named, or that kubectl says it has taken; nil if it says nothing,
    /// which it does if the pod has one only, or an annotation for it.
    public var podContainer: String?
    /// How many bytes of the image were sent; 0 if none was needed.
    public var imageBytes = 0

    /// The last stage that was reached.
    public var stage: ConnectionReport.Stage { steps.last?.stage ?? .connecting }

    package init(steps: [Step] = [Step(.connecting, at: .zero)]) {
        self.steps = steps
    }

    /// Notes the stage that the attempt is in now.
    package mutating func note(_ stage: ConnectionReport.Stage, at time: Duration) {
        if stage != self.stage { steps.append(Step(stage, at: time)) }
    }
}

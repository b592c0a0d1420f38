//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension BootstrapMachine {
    /// Takes the next piece of the output that means something; nil if it is not there yet.
    mutating func step() -> [BootstrapAction]? {
        if case .python(let python) = firstStage.program { return step(of: python) }
        if state == .starting, let isFrame = Self.beginsFrame(output.rest) {
            guard isFrame else { return nil }
            state = .handedOver
            return [.handOver(output.takeRest())]
        }
        guard let line = output.next() else {
            guard noiseSize + output.rest.count > Self.noiseLimit + Self.longestReport else { return nil }
            return state == .connecting ? fail(tooMuchNoise()) : takeNoise(output.takeRest())
        }
        guard let place = ByteSearch.index(of: marker, in: line[...]) else { return takeNoise(line) }
        let text = String(decoding: line[(place + marker.count)...].prefix { $0 != 13 }, as: UTF8.self)
        guard let report = FirstStageReport(Substring(text)) else { return takeNoise(line) }
        transcript.append(line[..<place])
        return handle(report)
    }

    private mutating func step(of python: PythonStage) -> [BootstrapAction]? {
        guard let line = output.next() else {
            let isTooMuch = noiseSize + output.rest.count > Self.noiseLimit + Self.longestReport
            return isTooMuch ? fail(tooMuchNoise()) : nil
        }
        switch (state, PythonStage.progress(in: line)) {
        case (.connecting, .waits):
            prompts = nil
            state = .sending
            return [.send(python.program)]
        case (.sending, .starts):
            state = .starting
            return []
        case (.connecting, .isReady), (.sending, .isReady), (.starting, .isReady):
            state = .handedOver
            return [.handOver(output.takeRest())]
        default: return takeNoise(line)
        }
    }

    private mutating func takeNoise(_ line: [UInt8]) -> [BootstrapAction] {
        noteOutput(line)
        guard state == .connecting else { return [] }
        noiseSize += line.count + 1
        return noiseSize > Self.noiseLimit ? fail(tooMuchNoise()) : []
    }

    private mutating func handle(_ report: FirstStageReport) -> [BootstrapAction] {
        prompts = nil
        switch (state, report) {
        case (_, .failed(let stage, let text)):
            var failure = BootstrapFailure(reportedStage: stage, text: text, during: self.stage)
            if stage == "place", let container, let hint = failure.hint {
                failure.hint = hint + container.hintWithoutPlace
            }
            return fail(failure)
        case (.connecting, .cached(let platform)):
            self.platform = platform
            if case .image(let first) = firstStage.program { image = first }
            wasCached = true
            return start()
        case (.lookingUp(let found), .cached(let platform)):
            self.platform = platform
            image = found
            wasCached = true
            return start()
        case (.connecting, .ready), (.sending, .running):
            return start()
        case (.connecting, .asked):
            guard case .executable(let words) = firstStage.program else { return [] }
            state = .sending
            return [.send(Array((firstStage.executionLine(for: words) + "\n").utf8))]
        case (.connecting, .needed(let platform, let offers)):
            self.platform = platform
            if case .image(let image?) = firstStage.program, image.platform == platform {
                state = .compressing(image)
                return [.compress(image, offers)]
            }
            state = .choosing(offers)
            return [.findImage(platform)]
        case (.lookingUp(let image), .needed(_, let offers)):
            state = .compressing(image)
            return [.compress(image, offers)]
        default: return []
        }
    }

    private mutating func start() -> [BootstrapAction] {
        state = .starting
        return [.configure]
    }

    /// Whether a frame is all that bytes can be the beginning of; nil if they are something else. What a shell or a
    /// program says about its failure has a printable third character, an identifier's highest byte is small.
    private static func beginsFrame(_ bytes: [UInt8]) -> Bool? {
        guard bytes.first == UInt8(ascii: "M") else { return bytes.isEmpty ? false : nil }
        if bytes.count > 1, MessageEncoding(rawValue: UInt16(bytes[0]) << 8 | UInt16(bytes[1])) == nil { return nil }
        if bytes.count > 2, bytes[2] >= 0x09 { return nil }
        return bytes.count > 2
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A line that the first stage has printed, without its marker.
enum FirstStageReport: Sendable, Equatable {
    /// The image is in the cache and is executed now.
    case cached(TargetPlatform)
    /// The image must be sent, in one of these forms.
    case needed(TargetPlatform, offers: [ImageCompression])
    /// The named executable is executed now.
    case ready
    /// The words of the executable are asked for.
    case asked
    /// What was sent is executed now.
    case running
    /// It has failed.
    case failed(stage: String, text: String)

    /// Understands what is behind the marker; nil if the first stage has never said that.
    init?(_ text: Substring) {
        if text.hasPrefix("-error ") {
            let words = text.dropFirst(7).split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            self = .failed(stage: String(words[0]), text: words.count > 1 ? String(words[1]) : "")
            return
        }
        guard text.first == " " else { return nil }
        let words = text.split(separator: " ").map(String.init)
        if words == ["run"] {
            self = .running
            return
        }
        // A target without `uname` says nothing in front of the word.
        let place = words.firstIndex { ["cached", "need", "ready", "ask"].contains($0) }
        guard let place, place <= 2 else { return nil }
        let platform = TargetPlatform(
            reported: place > 0 ? words[0] : "unknown",
            place > 1 ? words[1] : "unknown"
        )
        switch words[place] {
        case "cached": self = .cached(platform)
        case "ready": self = .ready
        case "ask": self = .asked
        default:
            let tools = Set(words[(place + 1)...].compactMap { $0.split(separator: "/").last })
            var offers: [ImageCompression] = []
            if tools.contains("xz") { offers.append(.xz) }
            if tools.contains("gzip") { offers.append(.gzip) }
            self = .needed(platform, offers: offers + [.none])
        }
    }
}

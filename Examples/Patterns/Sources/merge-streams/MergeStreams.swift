import Mitogen

/// A measurement, and where it was taken.
struct Measurement: Codable, Sendable {
    var place: String
    var value: Int
}

/// Measures some times.
struct Measure: RemoteStream {
    var place: String
    var count: Int

    func run(in context: ExternalContext, yield: StreamWriter<Measurement>) async throws {
        for value in 1...count { try await yield(Measurement(place: place, value: value)) }
    }
}

/// Takes what three contexts measure as one sequence, in the order in which it comes. One that is lost ends only its own.
@main
struct MergeStreams: MitogenProgram {
    static func main(router: Router) async throws {
        var streams: [RemoteValues<Measurement>] = []
        for (number, place) in ["cellar", "kitchen", "roof"].enumerated() {
            let host = try await router.local { $0.name = place }
            streams.append(host.stream(Measure(place: place, count: 100 * (number + 1))))
        }
        var sums: [String: Int] = [:]
        for try await event in try Select(streams) {
            switch event.result {
            case .success(let measurement): sums[measurement.place, default: 0] += measurement.value
            case .failure(let error): print("lost:", error)
            }
        }
        for (place, sum) in sums.sorted(by: { $0.key < $1.key }) { print("\(place): \(sum)") }
    }
}

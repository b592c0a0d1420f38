import Mitogen

/// Passes on what comes, with a number added.
struct Stage: BidirectionalStream {
    var number: Int

    func run(in context: ExternalContext, input: Receiver<Int>, yield: StreamWriter<Int>) async throws {
        for try await value in input { try await yield(value + number) }
    }
}

/// Sends numbers through ten contexts. Each stage waits while the next one does not keep up.
@main
struct Pipeline: MitogenProgram {
    static func main(router: Router) async throws {
        var stages: [OpenStream<Int, Int>] = []
        for number in 1...10 {
            let child = try await router.local { $0.name = "stage \(number)" }
            stages.append(try await child.open(Stage(number: number)))
        }
        let sum = try await withThrowingTaskGroup(of: Void.self) { group in
            let all = stages
            group.addTask {
                for value in 1...1000 { try await all[0].send(value) }
                all[0].finish()
            }
            for (stage, next) in zip(all, all.dropFirst()) {
                group.addTask {
                    for try await value in stage { try await next.send(value) }
                    next.finish()
                }
            }
            var sum = 0
            for try await value in all[9] { sum += value }
            try await group.waitForAll()
            return sum
        }
        // Each of the numbers 1 to 1000 has become larger by 55.
        print("the sum is \(sum)")
    }
}

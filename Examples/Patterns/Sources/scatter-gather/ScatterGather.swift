import Mitogen

/// The primes among the next numbers of a part, and how many numbers these were.
struct Finding: Codable, Sendable {
    var primes: [Int]
    var checked: Int
}

/// Sends the primes of a part of the numbers as it finds them.
struct FindPrimes: RemoteFunction {
    var numbers: Range<Int>
    var findings: Sender<Finding>

    func run(in context: ExternalContext) async throws {
        // Whoever waits is told of the end, however it comes.
        defer { findings.close() }
        for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 100) {
            let some = start..<min(start + 100, numbers.upperBound)
            try await findings.send(Finding(primes: some.filter(isPrime), checked: some.count))
        }
    }

    private func isPrime(_ number: Int) -> Bool {
        number > 1
            && !stride(from: 2, through: number, by: 1).prefix { $0 * $0 <= number }.contains { number % $0 == 0 }
    }
}

struct Incomplete: Error, CustomStringConvertible {
    var missing: Int
    var description: String { "\(missing) numbers were not checked" }
}

/// Gives each of four contexts a part of the work, and takes the results as they come, with a progress bar on a
/// terminal or with `--progress`. A context that is lost costs its own part only.
@main
struct ScatterGather: MitogenProgram {
    static func main(router: Router) async throws {
        var progress = ProgressBar(total: 20_000, isWanted: CommandLine.arguments.contains("--progress"))
        let select = try await scatter(progress.total, over: 4, router)
        var count = 0
        var largest = 0
        for try await event in select {
            switch event.result {
            case .success(let finding):
                count += finding.primes.count
                largest = max(largest, finding.primes.last ?? 0)
                progress.advance(by: finding.checked)
            case .failure(let error) where !error.isEndOfChannel:
                print("a part is missing:", error)
            case .failure: break
            }
        }
        progress.end()
        print("\(count) primes, the largest is \(largest)")
        if progress.done < progress.total { throw Incomplete(missing: progress.total - progress.done) }
    }

    /// Starts all workers at the same time.
    private static func scatter(_ total: Int, over parts: Int, _ router: Router) async throws -> Select<Finding> {
        let select = Select<Finding>(isOneShot: false)
        try await withThrowingDiscardingTaskGroup { group in
            for part in 0..<parts {
                group.addTask {
                    let worker = try await router.local { $0.name = "worker\(part)" }
                    let findings = try Receiver<Finding>(router: router, respondent: worker)
                    try select.add(findings)
                    let numbers = total * part / parts..<total * (part + 1) / parts
                    try worker.callNoReply(FindPrimes(numbers: numbers, findings: findings.makeSender()))
                }
            }
        }
        return select
    }
}

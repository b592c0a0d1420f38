import Mitogen

/// Sends the primes of a part of the numbers as it finds them.
struct FindPrimes: RemoteFunction {
    var from: Int
    var to: Int
    var results: Sender<Int>

    func run(in context: ExternalContext) async throws {
        for number in from..<to where isPrime(number) { try await results.send(number) }
        try results.close()
    }

    private func isPrime(_ number: Int) -> Bool {
        number > 1
            && !stride(from: 2, through: number, by: 1).prefix { $0 * $0 <= number }.contains { number % $0 == 0 }
    }
}

/// Gives each of four contexts a part of the work, and takes the results as they come. A context that is lost costs its
/// own part only.
@main
struct ScatterGather: MitogenProgram {
    static func main(router: Router) async throws {
        let select = Select<Int>(isOneShot: false)
        for part in 0..<4 {
            let worker = try await router.local { $0.name = "worker\(part)" }
            let results = try Receiver<Int>(router: router, respondent: worker)
            try select.add(results)
            try worker.callNoReply(FindPrimes(from: part * 5000, to: (part + 1) * 5000, results: results.toSender()))
        }
        var count = 0
        var largest = 0
        for try await event in select {
            switch event.result {
            case .success(let prime):
                count += 1
                largest = max(largest, prime)
            case .failure(let error) where error.message != DeadReason.senderClosed:
                print("a part is missing:", error)
            case .failure: break
            }
        }
        print("\(count) primes, the largest is \(largest)")
    }
}

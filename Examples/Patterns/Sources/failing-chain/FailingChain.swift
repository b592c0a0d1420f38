import Mitogen

/// The third step is not possible.
struct Impossible: Error, Codable {
    var step: Int
}

/// One step of a row.
struct Step: RemoteFunction {
    var number: Int

    func run(in context: ExternalContext) async throws -> String {
        if number == 3 { throw Impossible(step: number) }
        return "step \(number) is done"
    }
}

/// Five calls are sent without waiting for each other. After the one that fails none runs.
@main
struct FailingChain: MitogenProgram {
    static func main(router: Router) async throws {
        let host = try await router.local()
        try await host.withCallChain(isPipelined: true) { (chain) throws(MitogenError) in
            var calls: [PendingCall<String>] = []
            for number in 1...5 { calls.append(try chain.startCall(Step(number: number))) }
            for (number, result) in zip(1..., await Select.results(of: calls)) {
                switch result {
                case .success(let text): print(text)
                case .failure(let error):
                    let cause = error.remote?.decode(as: Impossible.self)
                    print("step \(number) has not run: step \(cause?.step ?? 0) was impossible")
                }
            }
            chain.reset()
            print("after a reset:", try await chain.call(Step(number: 6)))
        }
    }
}

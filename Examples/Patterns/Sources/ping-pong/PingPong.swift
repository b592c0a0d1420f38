import Mitogen

/// Where one player can be reached.
struct Seat: Codable, Sendable {
    var balls: Sender<Int>
    var partners: Sender<Sender<Int>>
}

/// Plays with a partner that the master introduces: each ball comes back with the next number.
struct Play: RemoteFunction {
    var rounds: Int
    var serves: Bool
    var seats: Sender<Seat>

    func run(in context: ExternalContext) async throws -> [Int] {
        let balls = try Receiver<Int>(router: context.router)
        let partners = try Receiver<Sender<Int>>(router: context.router)
        try await seats.send(Seat(balls: balls.makeSender(), partners: partners.makeSender()))
        // What comes from the partner, and what goes there.
        let partner = Channel(receiver: balls, sender: try await partners.get(timeout: .seconds(10)))
        if serves { try await partner.send(1) }
        var taken: [Int] = []
        for _ in 0..<rounds {
            let ball = try await partner.get(timeout: .seconds(10))
            taken.append(ball)
            if ball < 2 * rounds { try await partner.send(ball + 1) }
        }
        return taken
    }
}

/// Two contexts that have never heard of each other exchange senders through the master. What they then send goes from
/// one to the other, by way of the nearest context above both.
@main
struct PingPong: MitogenProgram {
    static func main(router: Router) async throws {
        let seats = try Receiver<Seat>(router: router)
        let ping = try await router.local { $0.name = "ping" }
        let pong = try await router.local { $0.name = "pong" }
        let pingBalls = try ping.startCall(Play(rounds: 5, serves: true, seats: seats.makeSender()))
        let first = try await seats.get()
        let pongBalls = try pong.startCall(Play(rounds: 5, serves: false, seats: seats.makeSender()))
        let second = try await seats.get()
        try await first.partners.send(second.balls)
        try await second.partners.send(first.balls)
        print("ping took", try await pingBalls.get())
        print("pong took", try await pongBalls.get())
    }
}

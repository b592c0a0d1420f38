import Distributed
import Mitogen
import MitogenDistributed

/// There is not enough.
struct Overdrawn: Error, Codable {
    var missing: Int
}

/// An account, in whatever context it was created.
distributed actor Account: CreatableActor {
    typealias ActorSystem = MitogenActorSystem
    private var balance: Int

    init(_ balance: Int, actorSystem: MitogenActorSystem) {
        self.actorSystem = actorSystem
        self.balance = balance
    }

    distributed func withdraw(_ amount: Int) throws -> Int {
        guard amount <= balance else { throw Overdrawn(missing: amount - balance) }
        balance -= amount
        return balance
    }
}

/// An error of an actor in another process is caught as if it were here.
@main
struct TypedError: MitogenProgram {
    static func main(router: Router) async throws {
        let bank = try await router.local { $0.name = "bank" }
        let account = try await router.actorSystem.create(Account.self, with: 100, in: bank)
        print("left:", try await account.withdraw(70))
        do {
            print("left:", try await account.withdraw(70))
        } catch let error as Overdrawn {
            print("missing:", error.missing)
        }
        try await bank.shutdown(waits: true)
        do {
            print("left:", try await account.withdraw(1))
        } catch let error as MitogenError {
            print("gone:", error.code)
        }
    }
}

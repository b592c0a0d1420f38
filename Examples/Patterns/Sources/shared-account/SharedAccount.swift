import Distributed
import Mitogen
import MitogenDistributed

struct Overdrawn: Error, CustomStringConvertible {
    var missing: Int
    var description: String { "\(missing) are missing" }
}

/// Money that is kept in one context. Everywhere else this is a reference, which can be passed on like a value.
distributed actor Account: CreatableActor {
    typealias ActorSystem = MitogenActorSystem

    private var balance: Int

    init(_ balance: Int, actorSystem: ActorSystem) async throws {
        self.actorSystem = actorSystem
        self.balance = balance
    }

    distributed func read() -> Int { balance }

    /// Returns what is left.
    distributed func withdraw(_ amount: Int) throws -> Int {
        guard amount <= balance else { throw Overdrawn(missing: amount - balance) }
        balance -= amount
        return balance
    }
}

/// Pays for some things, one after the other, from an account in another context.
struct Pay: RemoteFunction {
    var prices: [Int]
    var account: Account

    func run(in context: ExternalContext) async throws {
        for price in prices { _ = try await account.withdraw(price) }
    }
}

/// One context keeps an account, and three others pay from it at the same time.
@main
struct SharedAccount: MitogenProgram {
    static func main(router: Router) async throws {
        let system = try router.actorSystem
        let bank = try await router.local { $0.name = "bank" }
        let account = try await system.create(Account.self, with: 100, in: bank)
        print("after my own payment:", try await account.withdraw(10))

        let customers = try await withThrowingTaskGroup(of: Context.self) { group in
            for number in 1...3 {
                group.addTask {
                    let customer = try await router.local { $0.name = "customer\(number)" }
                    try await customer.call(Pay(prices: [5, 5, 10], account: account))
                    return customer
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        print("after those of three customers:", try await account.read())

        do {
            try await customers[0].call(Pay(prices: [50], account: account))
        } catch {
            guard error.remote?.typeName == String(reflecting: Overdrawn.self) else { throw error }
            print("refused:", error.remote?.message ?? "")
        }

        try await system.release(account)
        do {
            print("after the end:", try await account.read())
        } catch let error as MitogenError where error.code == .unknownActor {
            print("closed:", error.message)
        }
    }
}

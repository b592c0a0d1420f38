import Mitogen
import MitogenServices

/// Buys seats, one after the other, until there are as many as wanted, or no more.
struct BuySeats: RemoteFunction {
    var wanted: Int
    var office: Context

    func run(in context: ExternalContext) async throws -> [Int] {
        var seats: [Int] = []
        while seats.count < wanted, let seat = try await buy() { seats.append(seat) }
        return seats
    }

    /// One seat; nil if there are no more.
    private func buy() async throws -> Int? {
        do {
            return try await office.callService(TicketOffice.Buy())
        } catch {
            guard error.remote?.decode(as: SoldOut.self) != nil else { throw error }
            return nil
        }
    }
}

/// Asks the office for what is none of a buyer's business.
struct ReadSales: RemoteFunction {
    var office: Context

    func run(in context: ExternalContext) async throws -> [ContextID: [Int]] {
        try await office.callService(TicketOffice.Sales())
    }
}

/// Three contexts buy from a fourth one at the same time, and one comes late.
@main
struct TicketSale: MitogenProgram {
    static func main(router: Router) async throws {
        let office = try await router.local { $0.name = "office" }
        // From now on requests are answered there, those of siblings too.
        try await office.prepareService(TicketOffice.self)
        try await office.callService(TicketOffice.Open(seats: 10))

        var buyers = try await withThrowingTaskGroup(of: Context.self) { group in
            for name in ["anna", "ben", "carla"] { group.addTask { try await shop(name, office, router) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        buyers.sort { $0.name < $1.name }
        buyers.append(try await shop("dora", office, router))

        let sales = try await office.callService(TicketOffice.Sales())
        for buyer in buyers { print(buyer.name, "has seats", sales[buyer.id] ?? []) }
        do {
            print("anna can read the sales:", try await buyers[0].call(ReadSales(office: office)))
        } catch {
            print("anna is refused:", error.message)
        }
    }

    /// Starts a buyer, who wants three seats.
    private static func shop(_ name: String, _ office: Context, _ router: Router) async throws -> Context {
        let buyer = try await router.local { $0.name = name }
        let seats = try await buyer.call(BuySeats(wanted: 3, office: office))
        if seats.count < 3 { print(name, "got only \(seats.count) of 3 seats") }
        return buyer
    }
}

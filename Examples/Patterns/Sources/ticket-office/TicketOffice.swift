import Mitogen
import MitogenServices

struct SoldOut: Error, Codable {}

/// Sells numbered seats. It lives in one context; who calls it is elsewhere.
actor TicketOffice: ActivatableService {
    static let methods: [any ServiceMethod.Type] = [Open.self, Buy.self, Sales.self]

    private var free: [Int] = []
    private var sales: [ContextID: [Int]] = [:]

    init(router: Router) async throws {}

    private func sell(to buyer: ContextID) throws -> Int {
        guard !free.isEmpty else { throw SoldOut() }
        let seat = free.removeFirst()
        sales[buyer, default: []].append(seat)
        return seat
    }

    private func open(seats: Int) {
        free = Array(1...seats)
    }

    /// Sells one seat, to any context of the tree. The routers on the way see to it that nobody buys in another's name.
    struct Buy: ServiceMethod {
        static let policy = ServicePolicy.anyone

        func run(in office: TicketOffice, for request: ServiceRequest) async throws -> Int {
            try await office.sell(to: request.header.srcID)
        }
    }

    /// Puts so many seats on sale. Methods that name no policy are for the contexts above the office.
    struct Open: ServiceMethod {
        var seats: Int

        func run(in office: TicketOffice, for request: ServiceRequest) async throws {
            await office.open(seats: seats)
        }
    }

    /// Tells who has bought what.
    struct Sales: ServiceMethod {
        static let policy = ServicePolicy.parents

        func run(in office: TicketOffice, for request: ServiceRequest) async throws -> [ContextID: [Int]] {
            await office.sales
        }
    }
}

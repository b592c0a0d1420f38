import Mitogen
import MitogenServices

/// Counts words for everyone who may call it.
actor Counts: ActivatableService {
    static let methods: [any ServiceMethod.Type] = [Add.self, Total.self]
    private var counts: [String: Int] = [:]

    init(router: Router) async throws {}

    func add(_ words: [String]) {
        for word in words { counts[word, default: 0] += 1 }
    }

    struct Add: ServiceMethod {
        static let policy = ServicePolicy.anyone
        var words: [String]

        func run(in counts: Counts, for request: ServiceRequest) async throws { await counts.add(words) }
    }

    struct Total: ServiceMethod {
        func run(in counts: Counts, for request: ServiceRequest) async throws -> [String: Int] { await counts.counts }
    }
}

/// Counts the words of a text in the service of another context.
struct CountWords: RemoteFunction {
    var text: String
    var home: Context

    func run(in context: ExternalContext) async throws {
        try await home.callService(Counts.Add(words: text.split(separator: " ").map(String.init)))
    }
}

/// Two siblings of the context that counts send it what they have read.
@main
struct WordCount: MitogenProgram {
    static func main(router: Router) async throws {
        let home = try await router.local { $0.name = "counts" }
        // From now on siblings can call it.
        try await home.prepareService(Counts.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for text in ["one fish two fish", "red fish blue fish"] {
                let reader = try await router.local()
                group.addTask { try await reader.call(CountWords(text: text, home: home)) }
            }
            try await group.waitForAll()
        }
        let counts = try await home.callService(Counts.Total())
        for (word, count) in counts.sorted(by: { $0.key < $1.key }) { print(word, count) }
    }
}

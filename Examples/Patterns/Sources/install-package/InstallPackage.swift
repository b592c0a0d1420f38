import Mitogen

struct Failure: Error, CustomStringConvertible {
    var description: String
}

/// What came of it in one place.
enum Outcome: Codable, Sendable {
    case alreadyThere(version: String)
    case installed(version: String)
    case wouldRun([String])
}

extension Outcome: CustomStringConvertible {
    var description: String {
        switch self {
        case .alreadyThere(let version): "already there, \(version)"
        case .installed(let version): "installed, \(version)"
        case .wouldRun(let command): "would run: \(command.joined(separator: " "))"
        }
    }
}

/// Installs a package where it runs, unless it is there.
struct InstallPackage: RemoteFunction {
    var package: String
    var isDryRun: Bool

    func run(in context: ExternalContext) async throws -> Outcome {
        guard let manager = PackageManager.here else { throw Failure(description: "no known package manager is here") }
        // Commands that are run here end with this function: when its time is over, or whoever called it has gone.
        let here = context.here
        if let version = try await version(of: manager, here) { return .alreadyThere(version: version) }
        let command = manager.install(package)
        if isDryRun { return .wouldRun(command) }
        let result = try await here.run(command, environment: ["DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"])
        if result.status.isSuccess, let version = try await version(of: manager, here) {
            return .installed(version: version)
        }
        let text = result.errorText.isEmpty ? result.outputText : result.errorText
        let lines = text.split(separator: "\n").suffix(5)
        throw Failure(description: (["\(command[0]) ended with \(result.status)"] + lines).joined(separator: "\n"))
    }

    private func version(of manager: PackageManager, _ here: Context) async throws -> String? {
        let result = try await here.run(manager.query(package), environment: ["LC_ALL": "C"])
        return result.status.isSuccess ? manager.version(in: result.outputText) : nil
    }
}

import Mitogen

/// `connect-errors HOST…`: becomes root on each host by ssh and sudo, and says by groups what is in the way.
@main
struct ConnectErrors: MitogenProgram {
    static func main(router: Router) async throws {
        for host in CommandLine.arguments.dropFirst() { print("\(host): \(await outcome(of: host, router))") }
    }

    private static func outcome(of host: String, _ router: Router) async -> String {
        do throws(MitogenError) {
            let root = try await router.connect([.ssh(host) { $0.connectTimeout = .seconds(30) }, .sudo()])
            return "ready, as \(root.name)"
        } catch  where error.code.isHostKeyFailure {
            return "look at the host's key before you trust it"
        } catch  where error.code.isAuthenticationFailure {
            return "give a key or a password"
        } catch  where error.code.isTimeout {
            return "try again later"
        } catch  where error.isConnectionFailure {
            return "it cannot be reached: \(error.code)"
        } catch {
            return error.message
        }
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A program that installs packages, and how it is told to.
enum PackageManager: String, CaseIterable {
    case apt
    case dnf
    case zypper
    case apk
    case pacman

    /// The one of this machine.
    static var here: PackageManager? {
        let folders = getenv("PATH").map { String(cString: $0) }?.split(separator: ":") ?? []
        return allCases.first { manager in
            folders.contains { access("\($0)/\(manager.installer)", X_OK) == 0 }
        }
    }

    private var installer: String { self == .apt ? "apt-get" : rawValue }

    /// The command that installs a package without asking anything.
    func install(_ package: String) -> [String] {
        switch self {
        case .apt: [installer, "-o", "DPkg::Lock::Timeout=60", "install", "--yes", package]
        case .dnf: [installer, "install", "--assumeyes", package]
        case .zypper: [installer, "--non-interactive", "install", package]
        case .apk: [installer, "add", "--no-cache", package]
        case .pacman: [installer, "--sync", "--noconfirm", "--needed", package]
        }
    }

    /// The command that fails, or prints no version, if a package is not installed.
    func query(_ package: String) -> [String] {
        switch self {
        case .apt: ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Version}", package]
        case .dnf, .zypper: ["rpm", "--query", "--queryformat", "%{VERSION}-%{RELEASE} ", package]
        case .apk: ["apk", "info", "--installed", "--verbose", package]
        case .pacman: ["pacman", "--query", package]
        }
    }

    /// The version in what the query has printed.
    func version(in output: String) -> String? {
        let words = output.split { $0 == " " || $0 == "\n" }
        // dpkg also knows packages that were removed.
        if self == .apt, words.first != "installed" { return nil }
        return words.last.map(String.init)
    }
}

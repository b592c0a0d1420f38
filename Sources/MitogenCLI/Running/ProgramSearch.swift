//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// Where this machine's programs are found by their names, as execvp(3) does it.
struct ProgramSearch: Sendable {
    private let folders: [String]

    /// - Parameter path: The value of `PATH`; nil if it is not set.
    init(path: String?) {
        let path = path ?? "/usr/bin:/bin"
        self.folders = path.split(separator: ":", omittingEmptySubsequences: false).map {
            $0.isEmpty ? "." : String($0)
        }
    }

    /// That of this process.
    static var own: ProgramSearch { ProgramSearch(path: DescriptorSink.environmentVariable("PATH")) }

    /// The path of a program without symbolic links; nil if there is none. A name with a slash is one already.
    func path(of name: String) -> String? {
        for path in name.contains("/") ? [name] : self.folders.map({ "\($0)/\(name)" }) {
            var status = stat()
            guard access(path, X_OK) == 0, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                continue
            }
            guard let real = realpath(path, nil) else { return path }
            defer { free(real) }
            return String(cString: real)
        }
        return nil
    }
}

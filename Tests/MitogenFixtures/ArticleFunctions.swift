//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

// The function of the article "Python peers", which `ArticleTests` compares.

public struct Uptime: RemoteFunction {
    public var unit: String

    public func run(in context: ExternalContext) async throws -> Double {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Double(time.tv_sec) / (unit == "hours" ? 3600 : 60)
    }
}

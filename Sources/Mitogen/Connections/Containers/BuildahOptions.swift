//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/buildah(container:via:_:)`` (Mitogen semantics, section 7.8).
    public struct BuildahOptions: ContextOptions {
        public var common = CommonOptions()
        /// The name or the number of a working container.
        public let container: String
        /// The user to be in the container, as `name`, number, or with `:group`; by default what the container says.
        public var username: String?
        /// The buildah program; `buildah` by default, looked for in `PATH`.
        public var buildahPath = "buildah"

        public init(container: String) {
            self.container = container
        }
    }
}

extension ConnectionMethod.BuildahOptions {
    package func request() throws(MitogenError) -> ConnectionRequest {
        let user = username.map { ["--user=\($0)"] } ?? []
        let target = ContainerTarget(.buildah, container, username: username)
        var request = try request(into: target, [buildahPath, "run"] + user + ["--", container]) { tool in
            // What Buildah passes on is slow.
            tool.compressesImage = true
        }
        // What is in the container becomes part of an image.
        request.common.usesImageCache = false
        return request
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension MitogenError.Code {
    /// There is no container, pod or jail of this name.
    public static let noSuchContainer = Self("noSuchContainer")
    /// The container is there, and is stopped or paused.
    public static let containerNotRunning = Self("containerNotRunning")
    /// The image for a temporary container is not there and cannot be fetched.
    public static let noSuchImage = Self("noSuchImage")
    /// The container engine, or the cluster, does not answer.
    public static let engineUnavailable = Self("engineUnavailable")
    /// The container has no `sh`, and the program could not be brought there without one.
    public static let noShell = Self("noShell")
    /// The tool that leads to the target lacks something that is needed.
    public static let toolTooOld = Self("toolTooOld")
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Supplies a program's images for other platforms than its own.
///
/// It is asked when a target runs on another platform than this program and no file for that platform lies beside it
/// (see <doc:OtherPlatforms>). Set it with ``RouterConfiguration/payloadProvider``. Images that contexts need for the
/// connections that they make are asked for here, and sent to them.
///
/// ```swift
/// struct Downloads: PayloadProvider {
///     func payload(for platform: TargetPlatform) async throws -> Payload? {
///         guard platform.system == "Linux" else { return nil }
///         return .file(try await download("report-\(platform.machine)"))
///     }
/// }
/// ```
public protocol PayloadProvider: Sendable {
    /// The image for a platform.
    ///
    /// It may take its time, but that counts towards `connectTimeout`. However many connections wait for a platform's
    /// image, it is asked for once; it goes on when they have given up. What it supplies is kept for as long as the
    /// router lives. After nil or an error it is asked again by the next connection.
    ///
    /// - Parameter platform: What the target says about itself. It is no secret and no proof: a target can say anything.
    /// - Returns: A static executable for the platform, with a build id; nil if there is none.
    /// - Throws: Any error. It makes the attempt to connect fail with `.imageUnusable`, or is thrown itself if it is a
    ///   ``MitogenError``.
    func payload(for platform: TargetPlatform) async throws -> Payload?
}

/// An image of a program.
public enum Payload: Sendable, Hashable {
    /// The path of a file, which must stay there and as it is.
    case file(String)
    /// The content of the file. It is held for as long as the router lives.
    case bytes([UInt8])
}

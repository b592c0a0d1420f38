//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen
internal import MitogenProtocol
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    /// Connections that a program has made itself.
    @Suite("Registered contexts")
    struct RegisteredContexts {
        /// A context that is played by hand at the other end of a socket.
        private func withPeer(_ body: (Router, Context, _ peer: Int32) async throws -> Void) async throws {
            try await withFixtureRouter { router in
                var ends: [Int32] = [0, 0]
                try #require(cmitogen_socketpair(&ends) == 0)
                let id = try await router.allocateID()
                let context = try await router.register(id, named: "by hand", input: ends[0], output: ends[0])
                try await body(router, context, ends[1])
                close(ends[1])
            }
        }

        private func read(_ count: Int, from descriptor: Int32) throws -> [UInt8] {
            var bytes: [UInt8] = []
            while bytes.count < count {
                var piece = [UInt8](repeating: 0, count: count - bytes.count)
                let got = recv(descriptor, &piece, piece.count, 0)
                try #require(got > 0)
                bytes += piece[..<got]
            }
            return bytes
        }

        @Test("Messages travel in both directions, and the end is noticed")
        func messages() async throws {
            try await withPeer { _, context, peer in
                #expect(context.name == "by hand")
                let request = try context.startRequest(Message(handle: 1000, data: [1, 2, 3]))
                let frame = try read(MessageHeader.size + 3, from: peer)
                let header = try #require(frame.withUnsafeBytes { MessageHeader(parsing: $0) })
                #expect(header.dstID == context.id && header.handle == 1000 && header.encoding == .legacy)
                var answer = Message(dstID: 0, handle: header.replyTo, data: [4])
                answer.srcID = context.id
                answer.authID = context.id
                let bytes = answer.frame
                #expect(bytes.withUnsafeBytes { send(peer, $0.baseAddress, $0.count, 0) } == bytes.count)
                #expect(try await request.get().data == [4])
                let lost = try context.startRequest(Message(handle: 1000))
                shutdown(peer, Int32(SHUT_RDWR))
                #expect(try await failure { try await lost.get() }.code == .channelError)
                #expect(!context.isReachable)
            }
        }

        @Test("A number that is taken, and a descriptor that is none, are refused")
        func refused() async throws {
            try await withPeer { router, context, _ in
                for (id, descriptor) in [(0, 0), (context.id, 0), (ContextID(4242), 1_000_000)] as [(ContextID, Int32)]
                {
                    let error = try await failure {
                        try await router.register(id, named: "x", input: descriptor, output: descriptor)
                    }
                    #expect(error.code == .misuse)
                }
            }
        }
    }
}

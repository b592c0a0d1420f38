//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

/// The ends of a command's pipes.
struct CommandPipes {
    struct Ends {
        let own: Int32
        let child: Int32
    }

    let input: Ends?
    let output: Ends
    let error: Ends

    init(hasInput: Bool) throws(MitogenError) {
        output = try Self.make(childWrites: true)
        do throws(MitogenError) {
            error = try Self.make(childWrites: true)
        } catch {
            Self.close(output)
            throw error
        }
        do throws(MitogenError) {
            input = hasInput ? try Self.make(childWrites: false) : nil
        } catch {
            Self.close(output)
            Self.close(self.error)
            throw error
        }
    }

    private static func make(childWrites: Bool) throws(MitogenError) -> Ends {
        var ends: [Int32] = [0, 0]
        let result = cmitogen_pipe(&ends, childWrites)
        guard result >= 0 else { throw .system("cannot make a pipe", errno: -result, .spawnError) }
        if !childWrites { _ = cmitogen_set_nonblocking(ends[1], true) }
        return childWrites ? Ends(own: ends[0], child: ends[1]) : Ends(own: ends[1], child: ends[0])
    }

    private static func close(_ ends: Ends) {
        _ = systemClose(ends.own)
        _ = systemClose(ends.child)
    }

    func closeChildEnds() {
        for ends in [input, output, error] { if let ends { _ = systemClose(ends.child) } }
    }

    func closeParentEnds() {
        for ends in [input, output, error] { if let ends { _ = systemClose(ends.own) } }
    }
}

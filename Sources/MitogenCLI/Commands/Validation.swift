//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser
internal import Mitogen

// Commands throw errors of the argument parser, so that they end with status 2.

extension ArgumentError {
    /// The error to throw from a command: one that ends it with status 2, and with the usage if that helps.
    ///
    /// What is wrong with a file is written here, as the parser would add the usage to it or take the status for 1.
    var forCommandLine: any Error {
        guard self.isAboutFile else { return ValidationError(self.description) }
        var sink = DescriptorSink()
        try? sink.write("Error: \(self)\n", to: .stderr)
        return ExitCode(RunExitStatus.usageError)
    }
}

extension ConnectionArguments {
    /// What was asked for, without passwords.
    ///
    /// - Throws: `ValidationError`, or `ExitCode` if a file is wrong.
    func validatedSettings() throws -> HopSettings {
        do throws(ArgumentError) {
            return try self.settings()
        } catch {
            throw error.forCommandLine
        }
    }

    /// What was asked for, with the passwords, which are read or asked for now.
    ///
    /// - Throws: `ValidationError`, or `ExitCode` if a file is wrong.
    func validatedSettingsWithPasswords() throws -> HopSettings {
        do throws(ArgumentError) {
            return try self.settingsWithPasswords()
        } catch {
            throw error.forCommandLine
        }
    }
}

extension AgentImage {
    /// Shows what is to be said before a command begins, and finds the program that it starts as contexts.
    ///
    /// - Throws: `ExitCode` if there is none, which is told.
    static func locate(afterShowing warnings: [String]) throws -> String {
        var sink = DescriptorSink()
        for warning in warnings { try? sink.write("mitogen: \(warning)\n", to: .stderr) }
        do throws(MitogenError) {
            return try self.locate()
        } catch {
            try? sink.write("mitogen: \(toolText(error))\n", to: .stderr)
            throw ExitCode(RunExitStatus.unreachable)
        }
    }
}

extension TargetSelection {
    /// The targets that node sets name.
    ///
    /// - Parameter readsInventory: Whether groups and inventories count; without them there may be no target.
    /// - Throws: `ValidationError`, or `ExitCode` if a file is wrong.
    static func targets(
        named texts: [String],
        kinds: [HopKind],
        inventory: InventoryArguments,
        readsInventory: Bool
    ) throws -> [TargetSpecification] {
        let texts = texts + (inventory.meansAll ? ["@*"] : [])
        if !readsInventory, inventory.isNeeded(for: texts) { return [] }
        var selection = TargetSelection()
        do {
            let groups = try inventory.groups(for: texts).groups
            for text in texts { try selection.add(list: text, kinds: kinds, groups: groups) }
            for target in selection.targets { try target.checkIsNoPython() }
        } catch let error as ArgumentError {
            throw error.forCommandLine
        } catch {
            throw ValidationError("\(error)")
        }
        guard !selection.targets.isEmpty else { throw ValidationError("the node sets leave no target") }
        return selection.targets
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser

// Commands throw errors of the argument parser, so that they end with the usage and status 2.

extension ConnectionArguments {
    /// What was asked for, without passwords.
    ///
    /// - Throws: `ValidationError`.
    func validatedSettings() throws -> HopSettings {
        do throws(ArgumentError) {
            return try self.settings()
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// What was asked for, with the passwords, which are read or asked for now.
    ///
    /// - Throws: `ValidationError`.
    func validatedSettingsWithPasswords() throws -> HopSettings {
        do throws(ArgumentError) {
            return try self.settingsWithPasswords()
        } catch {
            throw ValidationError("\(error)")
        }
    }
}

extension TargetSelection {
    /// The targets that texts with ranges and commas name.
    ///
    /// - Throws: `ValidationError`.
    static func targets(named texts: [String], kinds: [HopKind]) throws -> [TargetSpecification] {
        var selection = TargetSelection()
        do throws(TargetSyntaxError) {
            for text in texts { try selection.add(list: text, kinds: kinds) }
        } catch {
            throw ValidationError("\(error)")
        }
        return selection.targets
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

extension HopDefinition {
    /// What makes a hop.
    func options(for hop: Hop, _ settings: HopSettings) -> ConnectionMethod.CustomOptions {
        var values = self.values(for: hop)
        var options = ConnectionMethod.CustomOptions(
            self.name,
            arguments: self.command.compactMap { Self.argument($0, values) }
        )
        options.target = values[.name]
        options.terminal = self.terminal.use
        options.passwordPrompt = self.passwordPrompt
        options.incorrectPrompts = self.incorrectPasswords
        if self.passwordPrompt != nil { options.password = settings.becomePassword }
        values[.file] = ConnectionMethod.CustomOptions.localFile
        values[.target] = ConnectionMethod.CustomOptions.targetFile
        switch self.image {
        case .shell: options.delivery = .shell()
        case .compressed: options.delivery = .shell(isCompressed: true)
        case .copy:
            options.delivery = .copy(self.copy.compactMap { $0.filled(values) })
            // Another user than the usual one may perhaps not remove the file.
            if self.argument == .nameWithUserIfAny, values.removeValue(forKey: .user) != nil {
                options.removal = self.command.compactMap { Self.argument($0, values) }
            }
        }
        settings.apply(to: &options)
        return options
    }

    private static func argument(
        _ word: HopWord,
        _ values: [HopWord.Placeholder: String]
    ) -> ConnectionMethod.CustomOptions.Argument? {
        if word.isOnly(.command) { return .command }
        if word.isOnly(.shell) { return .shellCommand }
        return word.filled(values).map { .word($0) }
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Mitogen
internal import MitogenProtocol
import Testing

extension LibraryTests {
    @Suite("Secrets")
    struct Secrets {
        @Test("Options show no password, however they are printed; secrets are not in JSON either; messages carry them")
        func printed() throws {
            let secret = Secret("hunter-2")
            var ssh = ConnectionMethod.SSHOptions(hostname: "host")
            var sudo = ConnectionMethod.SudoOptions()
            var su = ConnectionMethod.SuOptions()
            var doas = ConnectionMethod.DoasOptions()
            var custom = ConnectionMethod.CustomOptions("tool", arguments: ["tool", .command])
            ssh.password = secret
            sudo.password = secret
            su.password = secret
            doas.password = secret
            custom.password = secret
            let all: [any ContextOptions] = [ssh, sudo, su, doas, custom]
            for options in all {
                var text = "\(options) \(String(reflecting: options)) \(String(describing: Optional(options)))"
                dump(options, to: &text)
                #expect(!text.contains("hunter"), "\(text)")
                #expect(text.contains("<redacted>"))
            }
            let encoded = try JSONEncoder().encode([secret]) + PropertyListEncoder().encode([secret])
            let text = String(decoding: encoded, as: UTF8.self)
            #expect(!text.contains("hunter") && text.contains("<redacted>"), "\(text)")
            let pickle = try Message.pickled(["password": secret], handle: 1)
            #expect(try pickle.decode(as: [String: Secret].self)["password"]?.value == "hunter-2")
            // From a file that a person has written it can be read.
            #expect(try JSONDecoder().decode([Secret].self, from: Data(#"["hunter-2"]"#.utf8)) == [secret])
        }
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser

/// The completions of a shell: the parser's, with what targets need besides.
///
/// A target has characters that shells take for the ends of words or for separators of their own: bash splits at `:` and `@`,
/// zsh takes what follows a `:` for a description.
enum CompletionScript {
    private static let option = "--generate-completion-script"

    /// The script, if words ask for one; nil if they do not, or the parser has to say what is wrong.
    static func text(for words: [String]) -> String? {
        let name: String
        if words.count == 2, words[0] == self.option {
            name = words[1]
        } else if words.count == 1, words[0].hasPrefix("\(self.option)=") {
            name = String(words[0].dropFirst(self.option.count + 1))
        } else {
            return nil
        }
        return CompletionShell(rawValue: name).map(self.text)
    }

    static func text(for shell: CompletionShell) -> String {
        let script = MitogenCommand.completionScript(for: shell)
        return switch shell {
        case .bash: self.withLine(script, #""${COMP_WORDS[@]}""#) + self.bash
        case .zsh: self.zsh(script)
        case .fish: self.withLine(script, "(__mitogen_tokens -pc)")
        default: script
        }
    }

    /// Has the tool see the command line, which may name inventories.
    ///
    /// - Parameter words: What stands for its words in the shell.
    private static func withLine(_ script: String, _ words: String) -> String {
        script.replacing("\(TargetCompletion.command) ", with: "\(TargetCompletion.command) -- \(words) ")
    }

    // MARK: zsh

    /// What the parser writes for the words of a command, which it takes for words with descriptions.
    private static let zshDescriptions =
        #"{local -a list;list=(${(f)"$(mitogen hosts --completions 2>/dev/null)"});_describe -V "" list}"#

    /// Offers words as they are. Behind a kind of hop its argument follows, so no space does.
    private static let zshFunction = #"""

        __mitogen_targets() {
            local -a list=(${(f)"$(mitogen hosts --completions -- "${command_line[@]}" 2>/dev/null)"})
            local -i result=1
            compadd -- ${list:#*:} && result=0
            compadd -S "" -- ${(M)list:#*:} && result=0
            return result
        }

        """#

    private static func zsh(_ script: String) -> String {
        // The first line says for whom the file is.
        let end = script.firstIndex(of: "\n") ?? script.endIndex
        return script[..<end] + self.zshFunction
            + script[end...].replacing(self.zshDescriptions, with: "__mitogen_targets")
    }

    // MARK: bash

    /// Puts the words of the command line together again before the parser's function looks at them, and leaves out of its
    /// answers what stands on the line before the word that bash replaces.
    private static let bash = #"""

        _mitogen_whole_words() {
            local -a words=() pieces=("${COMP_WORDS[@]}")
            local -i piece index=0
            local rest="${COMP_LINE:0:COMP_POINT}"
            for ((piece = 0; piece <= COMP_CWORD; piece++)); do
                local bare="${rest#"${rest%%[![:space:]]*}"}"
                if ((piece == 0)) || [[ "${bare}" != "${rest}" ]]; then
                    words+=("${pieces[piece]}")
                else
                    words[${#words[@]} - 1]+="${pieces[piece]}"
                fi
                rest="${bare#"${pieces[piece]}"}"
            done
            index=$((${#words[@]} - 1))
            local whole="${words[index]}"
            local before="${whole%"${2}"}"
            local -a COMP_WORDS=("${words[@]}" "${pieces[@]:COMP_CWORD + 1}")
            local -i COMP_CWORD=index
            _mitogen "${1}" "${whole}" "${words[index - 1]}"
            [[ -z "${before}" ]] || COMPREPLY=("${COMPREPLY[@]#"${before}"}")
            # What is no file needs no backslash before '@' and ':', and behind a kind of hop its argument follows.
            [[ ${#COMPREPLY[@]} -eq 0 || -e "${COMPREPLY[0]/#\~/"${HOME}"}" ]] || compopt +o filenames 2>/dev/null
            if [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" = *: ]]; then compopt -o nospace 2>/dev/null; fi
            return 0
        }

        complete -o filenames -F _mitogen_whole_words mitogen

        """#
}

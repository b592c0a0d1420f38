//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A script in the place of a tool that leads into a container: notes its arguments and runs the first stage right here.
struct ToolStub {
    let path: String
    private let log: String

    /// Runs what is behind `-c`, wherever a method has put it.
    static let leadsHere = #"while [ "$1 ${2%%=*}" != "-c m" ]; do shift; done; exec sh "$@""#

    /// Leads into a "container" without a shell, which is the folder of the script.
    static let withoutShell = #"""
        d=${0%/*}
        case "$*" in
        *" sh -c "*)
            echo 'exec failed: unable to start container process: exec: "sh": executable file not found in $PATH' >&2
            exit 126 ;;
        cp*) exec tar -xf - -C "$d" ;;
        esac
        shift
        while :; do
            case $1 in
            --env=MITOGEN_UNLINK=*) export "MITOGEN_UNLINK=$d${1#--env=MITOGEN_UNLINK=}" ;;
            --env=*) export "${1#--env=}" ;;
            --*) ;;
            *) break ;;
            esac
            shift
        done
        p=$d$2; shift 2
        exec "$p" "$@"
        """#

    init(in directory: String, _ script: String) throws {
        path = "\(directory)/tool"
        log = "\(directory)/tool.log"
        // One line for each run, one write for each line.
        let text = "#!/bin/sh\n(IFS='\t'; echo \"$*\") >>\"\(log)\"\n\(script)\n"
        try Files.write(Array(text.utf8), to: path)
    }

    /// The arguments of each run; the first stage itself is only shown as SCRIPT, the command line that runs it as
    /// COMMAND.
    var runs: [[String]] {
        (Files.text(log) ?? "").split(separator: "\n").map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map { word in
                word.hasPrefix("m=") ? "SCRIPT" : word.hasPrefix("exec sh -c 'm=") ? "COMMAND" : String(word)
            }
        }
    }
}

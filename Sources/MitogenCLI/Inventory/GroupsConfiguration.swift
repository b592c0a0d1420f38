//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A `groups.conf` of ClusterShell: sources of groups, whose commands list members.
struct GroupsConfiguration: Hashable, Sendable {
    /// A section that tells how groups are asked for.
    struct Source: Hashable, Sendable {
        let name: String
        /// Commands for a shell, in which `$GROUP` and others are replaced.
        let map: String
        let all: String?
        let list: String?
    }

    /// The source that is meant if none is named.
    private(set) var defaultSource: String?
    /// Folders with more files of this form.
    private(set) var folders: [String] = []
    /// Folders with files of groups in YAML, which are not read.
    private(set) var yamlFolders: [String] = []
    private(set) var sources: [Source] = []

    /// Whether only such a file has these lines: a section with `map`, or `[Main]`, and no section as inventories have.
    static func isConfiguration(_ lines: [TextFile.Line]) -> Bool {
        let headings = lines.filter { $0.text.first == "[" && $0.text.last == "]" }
        if headings.contains(where: { $0.text.hasSuffix(":vars]") || $0.text.hasSuffix(":children]") }) { return false }
        if headings.contains(where: { $0.text == "[Main]" }) { return true }
        guard let first = headings.first else { return false }
        return lines.contains { $0.number > first.number && Self.option($0.text)?.name == "map" }
    }

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - lines: Its lines.
    ///   - name: Its name, for messages.
    ///   - folder: Where it lies, which `$CFGDIR` means.
    /// - Throws: ``ArgumentError`` with the line.
    init(_ lines: [TextFile.Line], name: String, folder: String) throws(ArgumentError) {
        var section: String?
        var options: [String: [String: String]] = [:]
        var order: [String] = []
        for line in lines where line.text.first != ";" {
            if line.text.first == "[", line.text.last == "]" {
                let heading = String(line.text.dropFirst().dropLast())
                section = heading
                if options[heading] == nil {
                    options[heading] = [:]
                    order.append(heading)
                }
            } else if let section, let option = Self.option(line.text) {
                options[section]?[option.name] = option.value
            } else {
                throw ArgumentError(
                    "\(name):\(line.number): expected is [SOURCE] or NAME: VALUE",
                    isAboutFile: true
                )
            }
        }
        // It becomes a part of commands, in quotes of the file or without.
        if lines.contains(where: { $0.text.contains("$CFGDIR") }),
            let wrong = folder.unicodeScalars.first(where: { "$`\"'\\;&|<>()*?[]\n".unicodeScalars.contains($0) })
        {
            throw ArgumentError(
                "\(name): $CFGDIR cannot be used: the name of the folder has '\(wrong)', which a shell would not take as it is",
                isAboutFile: true
            )
        }
        func replaced(_ text: String, _ source: String) -> String {
            text.replacing("$CFGDIR", with: folder).replacing("$SOURCE", with: source)
        }
        for heading in order {
            let values = options[heading] ?? [:]
            if heading == "Main" {
                self.defaultSource = values["default"]
                let folders = "\(values["confdir"] ?? values["groupsdir"] ?? "")"
                self.folders = replaced(folders, "").split(separator: " ").map(String.init)
                self.yamlFolders = replaced(values["autodir"] ?? "", "").split(separator: " ").map(String.init)
                continue
            }
            guard let map = values["map"] else {
                throw ArgumentError("\(name): source '\(heading)' has no 'map'", isAboutFile: true)
            }
            // One section may be several sources with the same commands.
            for source in heading.split(separator: ",").map({ String($0.trimmingSpaces) }) {
                self.sources.append(
                    Source(
                        name: source,
                        map: replaced(map, source),
                        all: values["all"].map { replaced($0, source) },
                        list: values["list"].map { replaced($0, source) }
                    )
                )
            }
        }
    }

    private static func option(_ text: String) -> (name: String, value: String)? {
        guard let sign = text.firstIndex(where: { $0 == ":" || $0 == "=" }) else { return nil }
        let name = text[..<sign].trimmingSpaces
        guard !name.isEmpty, !name.contains(" ") else { return nil }
        return (String(name), String(text[text.index(after: sign)...].trimmingSpaces))
    }
}

extension GroupsConfiguration.Source {
    /// The command that lists the members of a group, with the group in the place of `$GROUP`.
    ///
    /// - Throws: ``ArgumentError`` if a shell might read the name as more than a name.
    func mapCommand(for group: String) throws(ArgumentError) -> String {
        let isPlain = group.utf8.allSatisfy { byte in
            Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber
                || "_.-+@%".utf8.contains(byte)
        }
        // It would be taken for an option.
        guard isPlain, group.utf8.first != UInt8(ascii: "-") else {
            throw ArgumentError("the name has characters that no command of a group source gets")
        }
        return self.map.replacing("${GROUP}", with: group).replacing("$GROUP", with: group)
    }
}

extension String {
    /// The text with another in the place of each part that is written so.
    func replacing(_ part: String, with other: String) -> String {
        var result: [UInt8] = []
        var rest = Array(self.utf8)[...]
        let (old, new) = (Array(part.utf8), Array(other.utf8))
        while !rest.isEmpty {
            if rest.starts(with: old) {
                result += new
                rest = rest.dropFirst(old.count)
            } else if let byte = rest.popFirst() {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// How a command is started on the far side: as `sshd` starts one, by `sh` there.
enum RemoteShell {
    /// Where distributions have OpenSSH's server for sftp: Debian, Fedora, Alpine and Arch, the BSDs, NetBSD and older
    /// ones, those that were built from source.
    static let servers = [
        "/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server",
        "/usr/libexec/sftp-server", "/usr/lib/sftp-server", "/usr/lib/misc/sftp-server",
        "/usr/local/libexec/sftp-server",
        "/usr/local/lib/openssh/sftp-server", "/run/current-system/sw/libexec/sftp-server",
    ]

    /// The words that start what was asked for.
    static func arguments(for request: SSHInvocation.Request) -> [ByteString] {
        switch request {
        case .command(let command):
            ["sh", "-c", ByteString(account + "exec \"$s\" -c \"$1\""), "sh", command]
        case .sftp:
            ["sh", "-c", ByteString(account + server), "sh"] + servers.map { ByteString($0) }
        case .version: []
        }
    }

    /// The account's entry from getent(1), or from the file where there is none. An account that may not log in, as those
    /// of services, has been entered in another way already, so it gets `sh`.
    private static let account = """
        u=$(id -u);e=$(getent passwd "$u" 2>/dev/null)
        [ -n "$e" ]||{ while IFS= read -r l;do r=${l#*:*:};[ "${r%%:*}" != "$u" ]||{ e=$l;break;};done </etc/passwd;} \
        2>/dev/null
        case $e in
        *:*:*:*:*:*:*)n=${e%%:*};s=${e##*:};h=${e%:*};h=${h##*:};USER=$n;LOGNAME=$n;export USER LOGNAME;;
        *)s=$SHELL;h=$HOME;;
        esac
        case ${s##*/} in ''|nologin|false)s=/bin/sh;;esac
        [ -x "$s" ]||s=sh
        HOME=${h:-/};SHELL=$s;export HOME SHELL
        cd "$HOME" 2>/dev/null||{ echo "Could not chdir to home directory $HOME" >&2;cd /;}

        """

    private static let server = """
        for p;do [ ! -x "$p" ]||exec "$p";done
        p=$(command -v sftp-server)&&exec "$p"
        echo "mitogen: there is no sftp-server on $(uname -n): install openssh-sftp-server there, or use scp -O" >&2
        exit 127
        """
}

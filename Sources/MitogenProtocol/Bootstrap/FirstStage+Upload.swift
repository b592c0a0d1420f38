//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension FirstStage {
    /// Receives the image and executes it: a line to evaluate. The size of what follows comes on a line of its own,
    /// then so many bytes; nothing more may be sent until the script has answered.
    ///
    /// - Parameter sha256: The hash of the image as it is before compression, in lower case hexadecimal digits;
    ///   compared where the target has `sha256sum`.
    package func uploadLine(for image: BootstrapImage, compression: ImageCompression, sha256: String) -> String {
        precondition(sha256.count == 64 && sha256.utf8.allSatisfy(Self.isWordByte), "this is not a SHA-256")
        let parts = [
            Self.setUp,
            Self.report,
            Self.freeSpace,
            Self.place(kibibytes: image.size / 1024 + 16),
            Self.memory(image.platform.memoryFileCall),
            choosePlace,
            Self.receive(compression, size: image.size),
            Self.check(sha256: sha256),
            Self.removeStale,
            Self.finish,
            "umask $o;echo \"MITO$m run\";export SWIFT_ROOT=/;exec \"$f\" \"\(argument)\"",
        ]
        return parts.joined(separator: ";")
    }

    // The arguments are those of the second run, by perl or python3, whose first argument is a file in memory.
    private static let setUp =
        #"f=$1;m=${2:-$m};o=${3:-$(umask)};t=$4;q=;umask 077;set -f;"#
        + #"trap 'rm -f "$f" 2>/dev/null;exit 1' 1 2 13 15"#

    // x STAGE TEXT: reading on until the end keeps clients alive that hang when the far side ends before its input.
    private static let report =
        #"x(){ rm -f "$f" 2>/dev/null;echo "MITO$m-error $*";exec cat >/dev/null;}"#

    // s FOLDER: the free space in KiB, or nothing if nobody says.
    private static let freeSpace =
        #"s(){ export LC_ALL=C;set -- $(df -Pk "$1" 2>/dev/null);echo "${11}";}"#

    // p FOLDER: whether a program runs there and an image fits. Makes the file f, which nobody else can have made. Where
    // no file can be made for lack of space, and there is space, it is the inodes that are used up, or a quota of them.
    private static func place(kibibytes: Int) -> String {
        #"p(){ [ -d "$1" ]||return;f=$1/.mitogen-$m;r=write;"#
            + #"b(){ [ "$(s "$1")" -lt \#(kibibytes) ] 2>/dev/null;};"#
            + #"if w=$( (export LC_ALL=C;set -C;printf '#!/bin/sh\nexit 7\n' >"$f") 2>&1);then r=run;chmod 700 "$f";"#
            + #""$f" 2>/dev/null;if [ $? = 7 ];then if b "$1";then r=space;else return 0;fi;fi;"#
            + #"else case $w in *[Nn]"o space"*|*uota*)r=inodes;b "$1"&&r=space;esac;fi;"#
            + #"[ -e "$f" ]&&[ ! -s "$f" ]&&r=space;rm -f "$f" 2>/dev/null;f=;t="$t $1=$r";return 1;}"#
    }

    // g: runs this very line again with a file in memory, by the first of perl and python3 that can make one. 16 asks
    // for an executable one, which kernels before 6.3 do not know.
    private static func memory(_ call: Int?) -> String {
        let again = #""$l" "$m" "$o" "$t""#
        var perl = ""
        if let call {
            perl =
                #"command -v perl >/dev/null&&exec perl -e '$n="mitogen";"#
                + #"$f=syscall(\#(call),$n,16);$f<0&&($f=syscall(\#(call),$n,0));"#
                + #"exec "sh","-c",$ARGV[0],"sh","/proc/self/fd/$f",@ARGV[1..3]' \#(again);"#
        }
        return "g(){ " + perl
            + #"python3 -c 'import os;os.memfd_create("m",0)' 2>/dev/null&&exec python3 -c 'import os,sys;a=sys.argv;"#
            + #"f=os.memfd_create("mitogen",0);"#
            + #"os.execvp("sh",["sh","-c",a[1],"sh","/proc/self/fd/%d"%f]+a[2:])' \#(again);f=/proc/self/fd/-;}"#
    }

    private var choosePlace: String {
        let cache = #"[ -O "$d/." ]&&mkdir -p "$c" 2>/dev/null&&k "$c"&&p "$c""#
        let folders = [
            "\"$TMPDIR\"", "/tmp", "/var/tmp", "\"$HOME\"", "/run", "\"$XDG_RUNTIME_DIR\"", "/dev/shm", "/dev", ".",
        ]
        let places = folders.map { "p \($0)||" }.joined() + "g"
        let choice = usesCache ? "if \(cache);then q=1;else \(places);fi" : places
        return #"[ -n "$f" ]||{ "# + choice + #";};[ -x "$f" ]||x place $t memory"#
    }

    // dd reads exactly what it is told; `head -c` may read more, but there is no more. z is what arrived.
    private static func receive(_ compression: ImageCompression, size: Int) -> String {
        #"read -r n||n=0;e=$(export LC_ALL=C;"#
            + #"if dd count=0 iflag=fullblock,count_bytes </dev/null >/dev/null 2>&1;"#
            + #"then dd bs=65536 count=$n iflag=fullblock,count_bytes 2>/dev/null;else head -c "$n";fi|"#
            + #"\#(compression.decompressor.joined(separator: " ")) 2>&1 >|"$f");z=$(wc -c <"$f");"#
            + #"[ "$z" -eq \#(size) ]||x size "${z:-0}" \#(size) $e"#
    }

    private static func check(sha256: String) -> String {
        #"h=$(sha256sum <"$f" 2>/dev/null);case $h in ''|\#(sha256)*);;*)x checksum $h;esac;chmod 500 "$f""#
    }

    // What an upload that was killed has left there, a day ago or longer. Without -maxdepth, which POSIX has not.
    private static let removeStale =
        #"case $f in /proc/*);;*)find "${f%/*}/." ! -name . -prune -name '.mitogen-*' -type f -user "$(id -u)" -mtime +0 "#
        + #"-exec rm -f {} ';' 2>/dev/null;esac"#

    // Where it is not cached the file has no name any more when it is executed. It belongs to the user: nobody has
    // exchanged it. Without /proc it is the child that removes it.
    private static let finish =
        #"if [ -n "$q" ]&&mv -f "$f" "$i";then f=$i;find "$c" -type f -mtime +14 -exec rm -f {} ';' 2>/dev/null;"#
        + #"else case $f in /proc/*);;*)exec 8<"$f";if [ -O /proc/self/fd/8 ]&&[ -x /proc/self/fd/8 ];"#
        + #"then rm -f "$f";f=/proc/self/fd/8;else exec 8<&-;export MITOGEN_UNLINK="$f";fi;esac;fi;trap - 1 2 13 15"#
}

# What the scripts share. It is sourced, not run.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

need_swift() {
    has swift || fail "swift is not on PATH; install the Swift 6.3 toolchain from https://www.swift.org/install"
}

# What every debug and release build here is given. JOBS bounds the processors that the compiler uses;
# WARNINGS_AS_ERRORS=1 is for debug builds.
jobs=()
if [[ -n ${JOBS:-} ]]; then jobs=(-j "$JOBS"); fi
debug_options=(--explicit-target-dependency-import-check error "${jobs[@]}")
if [[ -n ${WARNINGS_AS_ERRORS:-} ]]; then debug_options+=(-Xswiftc -warnings-as-errors); fi
release_options=(-c release "${jobs[@]}")

# Runs the rest as a named step: its output as it comes, then how long it took. The step is not part of a condition,
# because a command that fails inside one does not end the script.
step() {
    local start=$SECONDS
    current_step=$1
    shift
    echo "== $current_step"
    "$@"
    echo "== $current_step: $((SECONDS - start)) s"
    current_step=
}

current_step=
trap '[[ $? -eq 0 || -z $current_step ]] || echo "${0##*/}: the step \"$current_step\" has failed" >&2' EXIT

# Whether a program needs nothing but the kernel: no program interpreter is named in its headers.
is_static() {
    local headers
    headers=$(LC_ALL=C readelf -lW "$1" 2>&1) || fail "readelf cannot read $1: $headers"
    [[ $headers != *INTERP* ]]
}

# The largest size of the payload, compressed with gzip -9: the price of the first contact with a host.
# The aim is 3,600,000: starting Python contexts and passing modules on to them took the rest.
payload_ceiling=3650000

# A configuration of ssh in which every node* is the test bed's sshd.
testbed_hosts() {
    local config
    config=$(sed -n 's/^TB_SSH_CONFIG=//p' "${TESTBED:-/tmp/testbed}/env" 2>/dev/null) || true
    [[ -n $config && -e $config ]] || fail "the test bed has no sshd: Tests/Testbed/setup ssh"
    echo "Host node*"
    ssh -F "$config" -G tb-bash |
        grep -E '^(hostname|port|user|identityfile|userknownhostsfile|hostkeyalias|stricthostkeychecking) '
}

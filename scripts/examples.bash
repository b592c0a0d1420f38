# How the programs of Examples/Patterns are run, and what they have to print. It is sourced, not run.

# Runs a program with arguments, if it has any, which has to print this.
expect_output() {
    local output program
    read -ra program <<<"$1"
    output=$(timeout 60 "${program[@]}" </dev/null) || fail "${1##*/} has failed: $output"
    [[ $output == "$2" ]] || fail "${1##*/} printed: $output"
    echo "$output"
}

# Waits until a condition is true, which has to be within 20 s.
await() {
    local limit=$((SECONDS + 20))
    until "$@"; do
        [[ $SECONDS -lt $limit ]] || return 1
        sleep 0.05
    done
}

# ------------------------------------------------------------------------------------------------- scatter and gather

scatter_gather() {
    local bar
    expect_output "$1" "2262 primes, the largest is 19997"
    bar=$(timeout 60 "$1" --progress 2>&1 >/dev/null </dev/null | tr '\r' '\n' | tail -n 1)
    [[ $bar == "[####################] 100 %" ]] || fail "scatter-gather's last progress was: $bar"
}

# ---------------------------------------------------------------------------------------------------------- tail-logs

# Two contexts follow two files that grow, are truncated, appear and are replaced. One of them is killed.
tail_logs() {
    local folder log pid contexts seen status=0
    folder=$PWD/.build/examples/tail-logs
    rm -rf "$folder"
    mkdir -p "$folder"
    log=$folder/a.log
    echo "old" >"$log"
    # The shell has what it starts in the background ignore Ctrl-C.
    env --default-signal=INT "$1" local local "$log" "$folder/b.log" </dev/null >"$folder/out" 2>"$folder/err" &
    pid=$!
    tail_logs_says 2 err "a.log: followed from its end"
    tail_logs_says 2 err "b.log: not there yet"
    echo "one" >>"$log"
    echo "begun" >"$folder/b.log"
    tail_logs_says 2 out "a.log: one"
    tail_logs_says 2 out "b.log: begun"
    echo "new" >"$log"
    tail_logs_says 2 out "a.log: new"
    mv "$log" "$log.1"
    echo "late" >>"$log.1"
    echo "first" >"$log"
    tail_logs_says 2 out "a.log: first"

    mapfile -t contexts < <(sed -n 's/^tail-logs: local\.\([0-9]*\):.*followed.*/\1/p' "$folder/err")
    kill -KILL "${contexts[0]}"
    tail_logs_says 1 err "lost: local.${contexts[0]}"
    echo "after" >>"$log"
    tail_logs_says 1 out "local.${contexts[1]}:$log: after"
    kill -INT "$pid"
    wait "$pid" || status=$?
    [[ $status -eq 130 ]] || fail "tail-logs ended with $status, not by Ctrl-C: $(cat "$folder/err")"
    await has_ended "${contexts[1]}" || fail "tail-logs left process ${contexts[1]} behind"

    seen=$(sed 's/^local[.0-9]*:.*\/\(.*: \)/\1/' "$folder/out" | LC_ALL=C sort | uniq -c | awk '{ print $1, $2, $3 }')
    [[ $seen == $'1 a.log: after\n2 a.log: first\n2 a.log: late\n2 a.log: new\n2 a.log: one\n2 b.log: begun' ]] ||
        fail "tail-logs printed: $seen"
    echo "$seen"
}

# Waits until tail-logs has said something so many times, in one of its outputs.
tail_logs_says() {
    if await occurs "$1" "$3" "$folder/$2"; then return 0; fi
    kill -KILL "$pid"
    fail "tail-logs did not say \"$3\" $1 times: $(cat "$folder"/{out,err})"
}

occurs() {
    [[ $(grep -cF "$2" "$3") -eq $1 ]]
}

# Whether a process is gone, or is only waiting to be reaped.
has_ended() {
    [[ ! -e /proc/$1 ]] || { [[ -z $(tr -d '\0' <"/proc/$1/cmdline") ]]; } 2>/dev/null
}

# -------------------------------------------------------------------------------------------------------- shared-tree

# One process has a context, another one uses it; the socket is gone when the first has ended.
shared_tree() {
    local folder=$PWD/.build/examples/shared-tree pid
    rm -rf "$folder"
    mkdir -p -m 700 "$folder"
    "$1" hold "$folder/socket" </dev/null >"$folder/out" 2>&1 &
    pid=$!
    await test -S "$folder/socket" || fail "shared-tree does not listen: $(cat "$folder/out")"
    expect_output "$1 ask $folder/socket" "counter: 1, 2"
    wait "$pid" || fail "shared-tree has failed: $(cat "$folder/out")"
    [[ ! -e $folder/socket ]] || fail "shared-tree has left its socket"
}

# ------------------------------------------------------------------------------------------------------ ticket-office

# Who gets which seat is a matter of luck: three each, one for who comes late, and none twice.
ticket_office() {
    local output seats
    output=$(timeout 60 "$1" </dev/null) || fail "ticket-office has failed: $output"
    echo "$output"
    [[ ${output//[0-9]/} == "dora got only  of  seats
anna has seats [, , ]
ben has seats [, , ]
carla has seats [, , ]
dora has seats []
anna is refused: Caller is not authorized to invoke 'Sales' of service 'ticket_office.TicketOffice'" ]] ||
        fail "ticket-office printed: $output"
    seats=$(grep -F "has seats" <<<"$output" | grep -oE '[0-9]+' | sort -n | xargs)
    [[ $seats == "1 2 3 4 5 6 7 8 9 10" ]] || fail "ticket-office sold $seats"
}

# ---------------------------------------------------------------------------------------------------- install-package

# Two contexts install with a package manager that is not one, into a folder.
install_package() {
    local program=$1
    stubs=$PWD/.build/examples/install-package
    rm -rf "$stubs"
    mkdir -p "$stubs/bin"
    stub dpkg-query <<'EOF'
echo "$package" >>"$stubs/asked"
[ -e "$stubs/installed.$package" ] && echo "installed 1.0"
EOF
    # It waits until both contexts have asked whether the package is there.
    stub apt-get <<'EOF'
echo "$* $DEBIAN_FRONTEND" >>"$stubs/ran"
case $package in broken) echo "E: Unable to locate package broken" >&2; exit 100 ;; esac
tries=0
until [ "$(wc -l <"$stubs/asked")" -ge 2 ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 400 ] || exit 1
    sleep 0.05
done
echo >"$stubs/installed.$package"
EOF
    stub ssh <<'EOF'
echo "ssh: Could not resolve hostname nowhere: Name or service not known" >&2
exit 255
EOF
    local command="apt-get -o DPkg::Lock::Timeout=60 install --yes"
    installs 0 $'local:a: would run: '"$command"$' tool\nlocal:b: would run: '"$command tool" --dry-run tool local:a local:b
    [[ ! -e $stubs/ran ]] || fail "a dry run ran $(cat "$stubs/ran")"
    rm "$stubs/asked"
    installs 0 $'local:a: installed, 1.0\nlocal:b: installed, 1.0' tool local:a local:b
    [[ $(sort -u "$stubs/ran") == "${command#* } tool noninteractive" ]] || fail "it ran $(cat "$stubs/ran")"
    installs 0 $'local:a: already there, 1.0\nlocal:b: already there, 1.0' tool local:a local:b
    installs 1 $'local:a: failed: apt-get ended with exit status 100\n    E: Unable to locate package' broken local:a
    installs 1 $'local:a: already there, 1.0\nssh:nowhere: failed: ' tool local:a ssh:nowhere
}

# A program in the place of another one; $package is its last argument.
stub() {
    { printf '#!/bin/sh\nstubs=%q\nfor package; do :; done\n' "$stubs" && cat; } >"$stubs/bin/$1"
    chmod +x "$stubs/bin/$1"
}

# Runs the program, which has to end with this status and to print these lines, among others and in any order.
installs() {
    local status=0 output line wanted=$1 lines=$2
    shift 2
    output=$(PATH="$stubs/bin:$PATH" timeout 60 "$program" "$@" 2>"$stubs/errors" </dev/null) || status=$?
    echo "$output"
    [[ $status -eq $wanted ]] || fail "install-package $* ended with $status: $(cat "$stubs/errors")"
    while IFS= read -r line; do
        [[ $'\n'$output == *$'\n'"$line"* ]] || fail "install-package $* did not print: $line"
    done <<<"$lines"
}

# ---------------------------------------------------------------------------------------------------- mirror-folder

# rsync's ssh leads to a context: what is new arrives, what is gone goes.
mirror_folder() {
    local folder output
    has rsync || { echo "no rsync; mirror-folder is not run" && return 0; }
    folder=$PWD/.build/examples/mirror-folder
    rm -rf "$folder"
    mkdir -p "$folder/a/inner" "$folder/b"
    head -c 300000 /dev/urandom >"$folder/a/inner/random"
    echo "old" >"$folder/b/old"
    output=$(timeout 60 "$1" "$folder/a" "$folder/b" </dev/null) || fail "mirror-folder has failed: $output"
    [[ $output == "$folder/b is what $folder/a is" ]] || fail "mirror-folder printed: $output"
    diff -r "$folder/a" "$folder/b" || fail "mirror-folder has not made the folders equal"
    echo "b is what a is"
}

# ---------------------------------------------------------------------------------------------------- small programs

# One for each thing that programs do most, in the folder that is named.
small_programs() {
    local folder=$PWD/.build/examples/small-programs pid
    rm -rf "$folder"
    mkdir -p "$folder/bin"
    expect_output "$1/word-count" $'blue 1\nfish 4\none 1\nred 1\ntwo 1'
    expect_output "$1/pipeline" "the sum is 555500"
    expect_output "$1/merge-streams" $'cellar: 5050\nkitchen: 20100\nroof: 45150'
    expect_output "$1/failing-chain" "step 1 is done
step 2 is done
step 3 has not run: step 3 was impossible
step 4 has not run: step 3 was impossible
step 5 has not run: step 3 was impossible
after a reset: step 6 is done"
    expect_output "$1/typed-error" $'left: 30\nmissing: 40\ngone: channelError'
    expect_output "$1/commands" "sorted: apple pear
live: line 1
live: line 2
live: line 3
the time was over: true
failed: no such thing"

    { echo "one" && sleep 1 && echo "two" && echo "the end"; } >"$folder/log" &
    pid=$!
    expect_output "$1/follow-log $folder/log end" $'one\ntwo\nthe end\nno longer followed'
    wait "$pid"

    stubs=$folder
    stub ssh <<'EOF'
case $* in
    *changed*) echo "Host key verification failed." >&2 ;;
    *locked*) echo "me@locked: Permission denied (publickey)." >&2 ;;
    *) echo "ssh: Could not resolve hostname nowhere: Name or service not known" >&2 ;;
esac
exit 255
EOF
    PATH="$folder/bin:$PATH" expect_output "$1/inventory local:a local:b+local:c ssh:nowhere" \
        $'local:a: Linux, called as a\nlocal:b+local:c: Linux, called as b.c\nssh:nowhere: unknownHost'
    PATH="$folder/bin:$PATH" expect_output "$1/connect-errors changed locked nowhere" \
        "changed: look at the host's key before you trust it
locked: give a key or a password
nowhere: it cannot be reached: unknownHost"
    connect_errors "$1/connect-errors"
}

# The same with real servers and a real sudo, where the test bed is up.
connect_errors() {
    local TB_SSH_CONFIG="" testbed=${TESTBED:-/tmp/testbed}
    if [[ -r $testbed/env ]]; then . "$testbed/env"; fi
    if ! timeout 10 ssh -F "$TB_SSH_CONFIG" tb-bash true 2>"$folder/errors" </dev/null; then
        echo "the test bed's ssh is not up; connect-errors is run without it"
        return 0
    fi
    printf 'Host %s\n  User %s\n' tb-free tb-free tb-sudo tb-sudo >"$folder/config"
    printf 'Host *\nInclude %s\n' "$TB_SSH_CONFIG" >>"$folder/config"
    printf '#!/bin/sh\nexec %q -F %q "$@"\n' "$(type -P ssh)" "$folder/config" >"$folder/bin/ssh"
    chmod +x "$folder/bin/ssh"
    PATH="$folder/bin:$PATH" expect_output "$1 tb-free tb-sudo tb-password tb-new-key tb-changed-key tb-refused" \
        "tb-free: ready, as ssh.tb-free.sudo.root
tb-sudo: give a key or a password
tb-password: give a key or a password
tb-new-key: look at the host's key before you trust it
tb-changed-key: look at the host's key before you trust it
tb-refused: it cannot be reached: connectionRefused"
}

# ----------------------------------------------------------------------------------------------------------- kernels

# A program that is linked dynamically: it can start itself on this machine, and says what to do about others.
kernels() {
    local output status=0
    stubs=$PWD/.build/examples/kernels
    rm -rf "$stubs"
    mkdir -p "$stubs/bin"
    # Runs the command where it is.
    stub ssh <<'EOF'
exec sh -c "$package"
EOF
    if has readelf; then ! is_static "$1" || fail "kernels is linked statically"; fi
    expect_output "$1 --timeout 20 local:a local:a+local:b" "local:a: $(uname -r)
local:a+local:b: $(uname -r)"
    output=$(XDG_CACHE_HOME=$stubs PATH="$stubs/bin:$PATH" timeout 60 "$1" ssh:elsewhere </dev/null) || status=$?
    echo "$output"
    [[ $status -eq 1 ]] || fail "kernels ended with $status"
    [[ $output == *"is linked dynamically"*"-static-executable"* ]] || fail "kernels did not say why: $output"
    status=0
    timeout 60 "$1" --timeout soon local 2>"$stubs/errors" </dev/null || status=$?
    [[ $status -eq 64 ]] || fail "kernels ended with $status for arguments that are wrong: $(cat "$stubs/errors")"
}

# How the programs of Examples/Patterns are run, and what they have to print. It is sourced, not run.

# Runs a program, which has to print this.
expect_output() {
    local output
    output=$(timeout 60 "$1" </dev/null) || fail "${1##*/} has failed: $output"
    [[ $output == "$2" ]] || fail "${1##*/} printed: $output"
    echo "$output"
}

# ------------------------------------------------------------------------------------------------- scatter and gather

scatter_gather() {
    local bar
    expect_output "$1" "2262 primes, the largest is 19997"
    bar=$(timeout 60 "$1" --progress 2>&1 >/dev/null </dev/null | tr '\r' '\n' | tail -n 1)
    [[ $bar == "[####################] 100 %" ]] || fail "scatter-gather's last progress was: $bar"
}

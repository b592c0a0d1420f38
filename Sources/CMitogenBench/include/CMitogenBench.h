//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// The bare system calls that a message between two processes cannot do without, as a measure for everything else.
// Each function makes a second process with fork, so it must run before the program has threads.

#ifndef CMITOGEN_BENCH_H
#define CMITOGEN_BENCH_H

#include <stddef.h>

/// Sends 64 bytes over a socket pair to another process, which sends them back; both wait with epoll. Stores the
/// median of `rounds` rounds in microseconds. Returns 0 or a negative errno.
int cmitogen_bench_round_trip(int rounds, double *microseconds);

/// Sends blocks of 1 MiB over a socket pair to another process, which reads them. Stores MiB per second. Returns 0 or
/// a negative errno.
int cmitogen_bench_throughput(int blocks, double *mebibytes_per_second);

#endif

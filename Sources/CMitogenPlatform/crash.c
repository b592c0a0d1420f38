//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#define _GNU_SOURCE
#include "CMitogenPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// The Swift runtime prints "Fatal error: ..." to descriptor 2, which is our capture pipe, and then traps. The Broker
// may or may not have taken the line from the pipe by then, so the last bytes it took are kept here.
enum { RECENT = 4096 };
static char recent[RECENT];
static atomic_size_t recent_total;
static atomic_int capture_busy, crashing;
static int original_stderr = -1, capture = -1;

static void remember(const char *bytes, size_t length) {
    size_t total = atomic_load(&recent_total);
    size_t skip = length > RECENT ? length - RECENT : 0;
    for (size_t i = skip; i < length; i++) recent[(total + i) % RECENT] = bytes[i];
    atomic_store(&recent_total, total + length);
}

ssize_t cmitogen_capture_read(int fd, void *buffer, size_t length) {
    atomic_store(&capture_busy, 1);
    ssize_t count = cmitogen_read(fd, buffer, length);
    if (count > 0) remember(buffer, (size_t)count);
    atomic_store(&capture_busy, 0);
    return count;
}

static void put(const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = write(original_stderr, bytes, length);
        if (count <= 0) return; // nobody reads: nothing more to be done about it here
        bytes += count;
        length -= (size_t)count;
    }
}

void cmitogen_complain(const char *text) {
    int descriptor = original_stderr >= 0 ? original_stderr : 2;
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t count = write(descriptor, text, length);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        text += count;
        length -= (size_t)count;
    }
}

static void on_fatal_signal(int number) {
    struct sigaction standard = { .sa_handler = SIG_DFL };
    sigaction(number, &standard, NULL);
    int expected = 0;
    if (atomic_compare_exchange_strong(&crashing, &expected, 1)) {
        struct timespec pause = { .tv_nsec = 1000000 };
        for (int i = 0; i < 20 && atomic_load(&capture_busy); i++) nanosleep(&pause, NULL);
        size_t total = atomic_load(&recent_total), kept = total < RECENT ? total : RECENT;
        size_t start = (total - kept) % RECENT, first = kept < RECENT - start ? kept : RECENT - start;
        put(recent + start, first);
        put(recent, kept - first);
        char rest[4096];
        ssize_t count;
        for (int i = 0; i < 64 && (count = read(capture, rest, sizeof rest)) > 0; i++) put(rest, (size_t)count);
    }
    raise(number); // blocked while this handler runs: takes effect when it returns
}

enum { STACK = 32 * 1024 };

void *cmitogen_crash_stack_install(void) {
    if (original_stderr < 0) return NULL; // only children report this way
    void *memory = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    stack_t stack = { .ss_sp = memory, .ss_size = STACK };
    sigaltstack(&stack, NULL);
    return memory;
}

void cmitogen_crash_stack_remove(void *memory) {
    if (!memory) return;
    stack_t none = { .ss_flags = SS_DISABLE };
    sigaltstack(&none, NULL);
    munmap(memory, STACK);
}

void cmitogen_crash_handler_install(int stderr_descriptor, int capture_descriptor) {
    original_stderr = stderr_descriptor;
    capture = capture_descriptor;
    cmitogen_crash_stack_install();
    const int numbers[] = { SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV };
    struct sigaction action = { .sa_handler = on_fatal_signal, .sa_flags = SA_ONSTACK };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
}

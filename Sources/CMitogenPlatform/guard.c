//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// The guard: a copy of this process with one thread, which knows the process groups of commands and ends them when this
// process is gone, also by SIGKILL. PR_SET_PDEATHSIG cannot do that: it counts the end of the thread that has made the
// child, set-user-ID programs clear it, and it knows nothing of the child's children. Nothing is executed, as there may be
// no file to execute. The copy shares no memory with this process: the kernel ends all that share it when it is out of
// memory.

#define _GNU_SOURCE
#include "CMitogenPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// More commands cannot run at once: each takes two descriptors, of which there are at most 1,048,576.
enum { CAPACITY = 1 << 19, STACK_SIZE = 64 * 1024 };

struct guard {
    int input;
    uintptr_t stack;
};

// Everything below, up to cmitogen_guard_start, runs in the copy: no allocation, no locks, and the system calls
// themselves, as glibc's functions may look at what was given back.

static void give_back(uintptr_t start, uintptr_t end, const uintptr_t kept[2][2]) {
    for (int i = 0; i < 2; i++) {
        if (kept[i][1] <= start || kept[i][0] >= end) continue;
        if (kept[i][0] > start) give_back(start, kept[i][0], kept);
        start = kept[i][1];
        i = -1; // what is left may lie in the other one, too
    }
    if (start < end) syscall(SYS_madvise, start, end - start, MADV_DONTNEED);
}

static const char *read_hex(const char *at, uintptr_t *value) {
    for (*value = 0;; at++) {
        int digit = *at >= '0' && *at <= '9' ? *at - '0' : *at >= 'a' && *at <= 'f' ? *at - 'a' + 10 : -1;
        if (digit < 0) return at;
        *value = *value << 4 | (uintptr_t)digit;
    }
}

/// Gives back one mapping of /proc/self/maps, if it is memory that only this process has, from no file.
static void give_back_line(const char *line, const uintptr_t kept[2][2]) {
    uintptr_t start, end;
    const char *at = read_hex(line, &start);
    if (*at++ != '-') return;
    at = read_hex(at, &end);
    if (memcmp(at, " rw-p 00000000 00:00 0", 22) != 0) return;
    for (at += 22; *at == ' ';) at++;
    // The first stack has the arguments and the environment, which ps shows.
    if (*at == 0 || memcmp(at, "[heap]", 6) == 0) give_back(start, end, kept);
}

/// What this process writes to from now on would otherwise be kept here as it was.
static void give_back_memory(uintptr_t stack) {
    int maps = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (maps < 0) return;
    uintptr_t thread = (uintptr_t)pthread_self() & ~(uintptr_t)4095;
    const uintptr_t kept[2][2] = { { stack, stack + STACK_SIZE }, { thread - 65536, thread + 16384 } };
    char text[4096 + 1];
    size_t held = 0;
    for (;;) {
        long count = syscall(SYS_read, maps, text + held, sizeof text - 1 - held);
        if (count <= 0) break;
        held += (size_t)count;
        text[held] = 0;
        char *line = text;
        for (char *end; (end = strchr(line, '\n')); line = end + 1) {
            *end = 0;
            give_back_line(line, kept);
        }
        held -= (size_t)(line - text);
        memmove(text, line, held);
        if (held == sizeof text - 1) held = 0; // a path of that length is no memory without a file
    }
    syscall(SYS_close, maps);
}

static int update(pid_t *groups, int count, pid_t record) {
    if (record > 0) {
        if (count < CAPACITY) groups[count++] = record;
        return count;
    }
    for (int i = count - 1; i >= 0; i--) {
        if (groups[i] != -record) continue;
        groups[i] = groups[--count];
        break;
    }
    return count;
}

/// TERM, and 500 ms later KILL, as a context does that loses its parent.
static void end_groups(pid_t *groups, int count) {
    const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
    for (int i = 0; i < count; i++) syscall(SYS_kill, -groups[i], SIGTERM);
    for (int turn = 0; turn < 50 && count > 0; turn++) {
        int left = 0;
        for (int i = 0; i < count; i++) {
            if (syscall(SYS_kill, -groups[i], 0) == 0 || errno == EPERM) groups[left++] = groups[i];
        }
        count = left;
        if (count > 0) nanosleep(&moment, NULL);
    }
    for (int i = 0; i < count; i++) syscall(SYS_kill, -groups[i], SIGKILL);
}

static int guard_main(void *argument) {
    struct guard guard = *(struct guard *)argument;
    char **arguments;
    int count = cmitogen_arguments(&arguments);
    cmitogen_set_title(count, arguments, "mitogen-guard");
    setsid(); // the signals of a terminal are not for it; all are blocked besides
    if (dup2(guard.input, 0) < 0) _exit(1);
    cmitogen_close_from(1);
    if (chdir("/") < 0) { } // then it stays where it is
    pid_t *groups = mmap(NULL, CAPACITY * sizeof *groups, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (groups == MAP_FAILED) _exit(1);
    give_back_memory(guard.stack);
    pid_t records[64];
    int known = 0;
    for (;;) {
        // Whole records: pipes take so few bytes at once or not at all (pipe(7), PIPE_BUF).
        long size = syscall(SYS_read, 0, records, sizeof records);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        for (int i = 0; i < (int)(size / (long)sizeof *records); i++) known = update(groups, known, records[i]);
    }
    end_groups(groups, known);
    _exit(0);
}

pid_t cmitogen_guard_start(int *output) {
    int pipe[2];
    int error = cmitogen_pipe(pipe, false);
    if (error < 0) return error;
    void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    pid_t pid = -1;
    if (stack != MAP_FAILED) {
        struct guard guard = { .input = pipe[0], .stack = (uintptr_t)stack };
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pid = clone(guard_main, (char *)stack + STACK_SIZE, SIGCHLD, &guard);
        error = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        munmap(stack, STACK_SIZE);
    } else {
        error = errno;
    }
    close(pipe[0]);
    if (pid < 0) {
        close(pipe[1]);
        return -error;
    }
    // A guard that stands still holds up nobody.
    cmitogen_set_nonblocking(pipe[1], true);
    *output = pipe[1];
    return pid;
}

int cmitogen_guard_tell(int output, pid_t record) {
    sigset_t broken, before;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    ssize_t count;
    do count = write(output, &record, sizeof record);
    while (count < 0 && errno == EINTR);
    int error = count < 0 ? -errno : 0;
    // The program may want to be ended by a SIGPIPE, but not by this one.
    const struct timespec now = { 0 };
    if (error == -EPIPE) sigtimedwait(&broken, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

void cmitogen_guard_end(pid_t pid, int output) {
    const struct timespec moment = { .tv_nsec = 1000 * 1000 };
    // Not where somebody else has reaped it: the number may be another process's by now. The pipe is closed after it was
    // killed, as it would end its groups otherwise.
    const bool is_there = waitpid(pid, NULL, WNOHANG) == 0;
    if (is_there) kill(pid, SIGKILL);
    close(output);
    if (!is_there) return;
    for (int turn = 0; turn < 100 && waitpid(pid, NULL, WNOHANG) == 0; turn++) nanosleep(&moment, NULL);
}

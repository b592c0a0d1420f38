//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#define _GNU_SOURCE
#include "CMitogenPlatform.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct start {
    void (*body)(void *);
    void *argument;
    char name[16];
};

static void *thread_main(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    void *stack = cmitogen_crash_stack_install();
    start.body(start.argument);
    cmitogen_crash_stack_remove(stack);
    return NULL;
}

int cmitogen_thread_start(const char *name, size_t stack_size, void (*body)(void *), void *argument) {
    struct start *start = calloc(1, sizeof *start);
    if (!start) return -ENOMEM;
    start->body = body;
    start->argument = argument;
    for (int i = 0; i < 15 && name[i]; i++) start->name[i] = name[i];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (stack_size) pthread_attr_setstacksize(&attributes, stack_size);
    sigset_t all, before; // signals are for the program's own threads, save those that a thread raises itself
    sigfillset(&all);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGTRAP);
    sigdelset(&all, SIGABRT);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error) free(start);
    return -error;
}

uint64_t cmitogen_thread_id(void) {
    return (uint64_t)(uintptr_t)pthread_self();
}

int32_t cmitogen_kernel_thread_id(void) {
    return (int32_t)syscall(SYS_gettid);
}

static _Thread_local void *thread_slot;

void *cmitogen_thread_slot(void) {
    return thread_slot;
}

void cmitogen_set_thread_slot(void *value) {
    thread_slot = value;
}

int cmitogen_processor_count(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

struct cmitogen_parker {
    atomic_int signalled;
};

struct cmitogen_parker *cmitogen_parker_create(void) {
    return calloc(1, sizeof(struct cmitogen_parker));
}

void cmitogen_parker_destroy(struct cmitogen_parker *parker) {
    free(parker);
}

bool cmitogen_parker_park(struct cmitogen_parker *parker, int64_t nanoseconds) {
    struct timespec now, limit, *timeout = NULL;
    if (nanoseconds >= 0) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t end = now.tv_nsec + nanoseconds;
        limit.tv_sec = now.tv_sec + end / 1000000000;
        limit.tv_nsec = end % 1000000000;
        timeout = &limit;
    }
    while (!atomic_exchange(&parker->signalled, 0)) {
        // FUTEX_WAIT_BITSET takes an absolute time, so that a spurious wake-up does not lengthen the sleep.
        long result = syscall(SYS_futex, &parker->signalled, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, timeout, NULL,
                              FUTEX_BITSET_MATCH_ANY);
        if (result < 0 && errno == ETIMEDOUT) return atomic_exchange(&parker->signalled, 0);
    }
    return true;
}

void cmitogen_parker_unpark(struct cmitogen_parker *parker) {
    atomic_store(&parker->signalled, 1);
    syscall(SYS_futex, &parker->signalled, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

// What CoreFoundation's run loop uses on Linux; libdispatch exports both.
extern int _dispatch_get_main_queue_handle_4CF(void);
extern void _dispatch_main_queue_callback_4CF(void *unused);

int cmitogen_main_queue_descriptor(void) {
    return _dispatch_get_main_queue_handle_4CF();
}

void cmitogen_main_queue_drain(void) {
    cmitogen_eventfd_clear(cmitogen_main_queue_descriptor());
    _dispatch_main_queue_callback_4CF(NULL);
}

bool cmitogen_is_main_thread(void) {
    return syscall(SYS_gettid) == getpid();
}

int64_t cmitogen_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Of the Swift runtime: null if the object's deinit has begun.
extern void *swift_tryRetain(void *object);

bool cmitogen_try_retain(void *object) {
    return swift_tryRetain(object) != NULL;
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#define _GNU_SOURCE
#include "CMitogenPlatform.h"

#include <errno.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif

enum { MOST_DESCRIPTORS = 4 };

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
};

int cmitogen_send_descriptors(int socket, const int *descriptors, int count) {
    if (count < 1 || count > MOST_DESCRIPTORS) return -EINVAL;
    char byte = 'f';
    struct iovec data = { .iov_base = &byte, .iov_len = 1 };
    union control control;
    memset(&control, 0, sizeof control);
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control };
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(&control.header), descriptors, (size_t)count * sizeof(int));
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int cmitogen_receive_descriptors(int socket, int *descriptors, int count) {
    if (count < 1 || count > MOST_DESCRIPTORS) return -EINVAL;
    char byte;
    struct iovec data = { .iov_base = &byte, .iov_len = 1 };
    union control control;
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    ssize_t received;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    if (received == 0) return 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS) return -EMFILE; // the kernel drops what there is no number for
    size_t given = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int all[MOST_DESCRIPTORS];
    memcpy(all, CMSG_DATA(header), given * sizeof(int));
    if (given == (size_t)count) {
        memcpy(descriptors, all, given * sizeof(int));
        return 1;
    }
    for (size_t i = 0; i < given; i++) close(all[i]);
    return -EMFILE;
}

/// Where the C library keeps the number of this thread, which must be the only one; NULL if that is not known.
static pid_t *thread_number(void) {
    pid_t *address = NULL;
    if (prctl(PR_GET_TID_ADDRESS, &address, 0, 0, 0) < 0 || !address) return NULL;
    return *address == (pid_t)syscall(SYS_gettid) ? address : NULL;
}

struct renumbering {
    uint32_t old, new;
};

static int renumber_module(struct dl_phdr_info *module, size_t size, void *data) {
    (void)size;
    const struct renumbering *numbers = data;
    if (!module->dlpi_tls_data) return 0;
    for (int i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];
        if (segment->p_type != PT_TLS) continue;
        // Behind the variables that begin with a value.
        size_t start = (segment->p_filesz + sizeof(uint32_t) - 1) / sizeof(uint32_t);
        uint32_t *words = module->dlpi_tls_data;
        for (size_t word = start; word < segment->p_memsz / sizeof(uint32_t); word++)
            if (words[word] == numbers->old) words[word] = numbers->new;
    }
    return 0;
}

/// Swift's mutexes have the number of their owner, which each compiled file keeps in a variable of the thread (`static
/// __thread tid` in _SynchronizationShims.h), and libdispatch keeps another one. Nothing tells them of a fork, and a mutex that
/// was taken under the number of the thread that was copied cannot be given back when somebody waits for it. So whatever
/// is that number among the variables of the thread becomes the new one.
static void renumber_thread(pid_t old, pid_t new) {
    struct renumbering numbers = { .old = (uint32_t)old, .new = (uint32_t)new };
    dl_iterate_phdr(renumber_module, &numbers);
}

int cmitogen_fork_sibling(void) {
    pid_t *number = thread_number();
    if (!number) return -ENOTSUP;
    const pid_t own = *number;
    void *robust_list = NULL;
    size_t robust_length = 0;
    syscall(SYS_get_robust_list, 0, &robust_list, &robust_length);
    // The C library's fork cannot make a sibling. What it does besides is for programs with more than one thread, but for
    // the thread's number and the list of its robust locks.
    const unsigned long flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
#if defined(__x86_64__)
    long pid = syscall(SYS_clone, flags, NULL, NULL, number, NULL);
#else
    long pid = syscall(SYS_clone, flags, NULL, NULL, NULL, number); // on arm64, arm, riscv and i386
#endif
    if (pid < 0) return -errno;
    if (pid > 0) return (int)pid;
    if (robust_list) syscall(SYS_set_robust_list, robust_list, robust_length);
    renumber_thread(own, *number);
    return 0;
}

/// To raise the hard limit is not permitted, or, for root, not what a limit is for.
static int set_limit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit known, limit = { .rlim_cur = soft, .rlim_max = hard };
    if (getrlimit(resource, &known) < 0) return -errno;
    if (soft > known.rlim_max) return -EPERM;
    if (hard > known.rlim_max) limit.rlim_max = known.rlim_max;
    return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

uint64_t cmitogen_hard_limit(int what) {
    struct rlimit known;
    int resource = what == CMITOGEN_PROCESSOR_TIME ? RLIMIT_CPU : what == CMITOGEN_MEMORY ? RLIMIT_DATA : RLIMIT_NOFILE;
    return getrlimit(resource, &known) < 0 ? UINT64_MAX : known.rlim_max;
}

int cmitogen_limit_processor_time(uint64_t seconds) {
    return set_limit(RLIMIT_CPU, seconds, seconds + 1);
}

int cmitogen_limit_memory(uint64_t bytes) {
    return set_limit(RLIMIT_DATA, bytes, bytes);
}

int cmitogen_set_nice(int value) {
    return setpriority(PRIO_PROCESS, 0, value) < 0 ? -errno : 0;
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#define _GNU_SOURCE
#include "CMitogenPlatform.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

// Rounded up: waking a moment before a timer is due would cost a second turn of the loop.
static int milliseconds_of(int64_t nanoseconds) {
    int64_t milliseconds = nanoseconds < 0 ? -1 : (nanoseconds + 999999) / 1000000;
    return milliseconds > 3600000 ? 3600000 : (int)milliseconds;
}

int cmitogen_poll(const struct cmitogen_watch *watches, uint32_t *found, int count, int64_t nanoseconds) {
    struct pollfd *raw = calloc((size_t)count + 1, sizeof *raw);
    if (!raw) return -ENOMEM;
    for (int i = 0; i < count; i++) {
        raw[i].fd = watches[i].fd;
        if (watches[i].readiness & CMITOGEN_READABLE) raw[i].events |= POLLIN | POLLRDHUP;
        if (watches[i].readiness & CMITOGEN_WRITABLE) raw[i].events |= POLLOUT;
    }
    int ready = poll(raw, (nfds_t)count, milliseconds_of(nanoseconds));
    int error = errno;
    for (int i = 0; i < count; i++) {
        short got = ready > 0 ? raw[i].revents : 0;
        found[i] = ((got & (POLLIN | POLLRDHUP)) ? CMITOGEN_READABLE : 0) | ((got & POLLOUT) ? CMITOGEN_WRITABLE : 0)
            | ((got & (POLLHUP | POLLERR | POLLNVAL)) ? CMITOGEN_HANGUP : 0);
    }
    free(raw);
    if (ready < 0) return error == EINTR ? 0 : -error;
    return ready;
}

int cmitogen_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : cmitogen_above_standard(fd);
}

int cmitogen_epoll_set(int epoll, int fd, uint64_t token, uint32_t interest, bool add) {
    struct epoll_event event = { .events = 0, .data.u64 = token };
    if (interest & CMITOGEN_READABLE) event.events |= EPOLLIN | EPOLLRDHUP;
    if (interest & CMITOGEN_WRITABLE) event.events |= EPOLLOUT;
    return epoll_ctl(epoll, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

int cmitogen_epoll_remove(int epoll, int fd) {
    struct epoll_event unused = { 0 };
    return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &unused) < 0 ? -errno : 0;
}

int cmitogen_epoll_wait(int epoll, struct cmitogen_event *events, int capacity, int64_t nanoseconds) {
    struct epoll_event raw[256];
    if (capacity > 256) capacity = 256;
    int count = epoll_wait(epoll, raw, capacity, milliseconds_of(nanoseconds));
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        uint32_t got = raw[i].events;
        events[i].token = raw[i].data.u64;
        events[i].readiness = ((got & (EPOLLIN | EPOLLRDHUP)) ? CMITOGEN_READABLE : 0)
            | ((got & EPOLLOUT) ? CMITOGEN_WRITABLE : 0) | ((got & (EPOLLHUP | EPOLLERR)) ? CMITOGEN_HANGUP : 0);
    }
    return count;
}

int cmitogen_eventfd_create(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : cmitogen_above_standard(fd);
}

void cmitogen_eventfd_signal(int fd) {
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {}
}

void cmitogen_eventfd_clear(int fd) {
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {}
}

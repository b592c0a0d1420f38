//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#define _GNU_SOURCE
#include "CMitogenBench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE = 64, WARM_UP = 1000, BLOCK = 1 << 20, READ_SIZE = 128 << 10 };

struct end {
    int socket, epoll;
};

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int end_open(struct end *end, int socket) {
    end->socket = socket;
    end->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (end->epoll < 0) return -errno;
    if (fcntl(socket, F_SETFL, O_NONBLOCK) < 0) return -errno;
    struct epoll_event event = { .events = EPOLLIN };
    return epoll_ctl(end->epoll, EPOLL_CTL_ADD, socket, &event) < 0 ? -errno : 0;
}

static int end_watch(const struct end *end, uint32_t events) {
    struct epoll_event event = { .events = events };
    return epoll_ctl(end->epoll, EPOLL_CTL_MOD, end->socket, &event) < 0 ? -errno : 0;
}

static int end_wait(const struct end *end) {
    struct epoll_event event;
    for (;;) {
        int count = epoll_wait(end->epoll, &event, 1, -1);
        if (count > 0) return 0;
        if (count < 0 && errno != EINTR) return -errno;
    }
}

// Waits and reads once, as an event loop does. Returns the count, 0 at the end, or a negative errno.
static ssize_t end_read(const struct end *end, void *buffer, size_t length) {
    for (;;) {
        int error = end_wait(end);
        if (error) return error;
        ssize_t count = read(end->socket, buffer, length);
        if (count >= 0) return count;
        if (errno != EAGAIN && errno != EINTR) return -errno;
    }
}

static int receive_message(const struct end *end, char message[MESSAGE]) {
    size_t filled = 0;
    while (filled < MESSAGE) {
        ssize_t count = end_read(end, message + filled, MESSAGE - filled);
        if (count <= 0) return count < 0 ? (int)count : -ECONNRESET;
        filled += (size_t)count;
    }
    return 0;
}

// So small a message always fits: nothing else is under way.
static int send_message(const struct end *end, const char message[MESSAGE]) {
    ssize_t count = send(end->socket, message, MESSAGE, MSG_NOSIGNAL);
    return count == MESSAGE ? 0 : count < 0 ? -errno : -EIO;
}

static int send_block(const struct end *end, const char *block) {
    size_t sent = 0;
    while (sent < BLOCK) {
        ssize_t count = send(end->socket, block + sent, BLOCK - sent, MSG_NOSIGNAL);
        if (count >= 0) {
            sent += (size_t)count;
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return -errno;
        int error = end_watch(end, EPOLLOUT);
        if (!error) error = end_wait(end);
        if (error) return error;
    }
    return end_watch(end, EPOLLIN);
}

// Starts `body` in another process; the pair's other end becomes `own`.
static pid_t start_peer(struct end *own, void (*body)(const struct end *)) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair[0]);
        struct end peer;
        if (end_open(&peer, pair[1]) == 0) body(&peer);
        _exit(0);
    }
    int error = pid < 0 ? -errno : end_open(own, pair[0]);
    close(pair[1]);
    if (error) close(pair[0]);
    if (error && pid > 0) waitpid(pid, NULL, 0); // it ends when its socket does
    return error ? error : pid;
}

static void finish_peer(const struct end *own, pid_t pid) {
    close(own->epoll);
    close(own->socket);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
}

static void echo_messages(const struct end *end) {
    char message[MESSAGE];
    while (receive_message(end, message) == 0 && send_message(end, message) == 0) {}
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

int cmitogen_bench_round_trip(int rounds, double *microseconds) {
    int64_t *times = calloc((size_t)rounds, sizeof *times);
    if (!times) return -ENOMEM;
    struct end own;
    pid_t pid = start_peer(&own, echo_messages);
    int error = pid < 0 ? pid : 0;
    char message[MESSAGE] = { 0 };
    for (int i = -WARM_UP; !error && i < rounds; i++) {
        int64_t start = now();
        error = send_message(&own, message);
        if (!error) error = receive_message(&own, message);
        if (i >= 0) times[i] = now() - start;
    }
    if (pid > 0) finish_peer(&own, pid);
    if (!error) {
        qsort(times, (size_t)rounds, sizeof *times, compare);
        *microseconds = (double)times[rounds / 2] / 1000;
    }
    free(times);
    return error;
}

// Reads until a whole number of blocks is there that ends with a 1, and answers that.
static void swallow_blocks(const struct end *end) {
    char *buffer = malloc(READ_SIZE);
    if (!buffer) return;
    size_t position = 0;
    ssize_t count;
    while ((count = end_read(end, buffer, READ_SIZE)) > 0) {
        position = (position + (size_t)count) % BLOCK;
        char message[MESSAGE] = { 0 };
        if (position == 0 && buffer[count - 1] == 1 && send_message(end, message) < 0) break;
    }
    free(buffer);
}

int cmitogen_bench_throughput(int blocks, double *mebibytes_per_second) {
    char *block = calloc(1, BLOCK);
    if (!block) return -ENOMEM;
    struct end own;
    pid_t pid = start_peer(&own, swallow_blocks);
    int error = pid < 0 ? pid : 0;
    char message[MESSAGE];
    int64_t start = 0;
    for (int i = -8; !error && i < blocks; i++) {
        // The last block before the clock starts, and the last of all, are waited for.
        bool is_awaited = i == -1 || i == blocks - 1;
        block[BLOCK - 1] = is_awaited;
        error = send_block(&own, block);
        if (!error && is_awaited) error = receive_message(&own, message);
        if (i == -1) start = now();
    }
    int64_t duration = now() - start;
    if (pid > 0) finish_peer(&own, pid);
    if (!error) *mebibytes_per_second = blocks / ((double)duration / 1e9);
    free(block);
    return error;
}

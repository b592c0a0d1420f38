//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#define _GNU_SOURCE
#include "CMitogenPlatform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int cmitogen_above_standard(int fd) {
    if (fd < 0 || fd > 2) return fd;
    int moved = cmitogen_duplicate(fd, 3);
    close(fd);
    return moved;
}

static int both_above_standard(int pair[2]) {
    for (int i = 0; i < 2; i++) {
        int moved = cmitogen_above_standard(pair[i]);
        if (moved < 0) {
            close(pair[1 - i]);
            return moved;
        }
        pair[i] = moved;
    }
    return 0;
}

int cmitogen_socketpair(int pair[2]) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
    int error = both_above_standard(pair);
    if (error < 0) return error;
    return cmitogen_set_nonblocking(pair[0], true);
}

int cmitogen_pipe(int pair[2], bool nonblocking_read) {
    if (pipe2(pair, O_CLOEXEC) < 0) return -errno;
    int error = both_above_standard(pair);
    if (error < 0) return error;
    return nonblocking_read ? cmitogen_set_nonblocking(pair[0], true) : 0;
}

ssize_t cmitogen_write2(int fd, const void *head, size_t head_length, const void *body, size_t body_length) {
    struct iovec parts[2] = { { (void *)head, head_length }, { (void *)body, body_length } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = body_length ? 2 : 1 };
    for (;;) {
        ssize_t count = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (count < 0 && errno == ENOTSOCK) count = writev(fd, parts, (int)message.msg_iovlen);
        if (count >= 0) return count;
        if (errno != EINTR) return -errno;
    }
}

ssize_t cmitogen_read(int fd, void *buffer, size_t length) {
    for (;;) {
        ssize_t count = read(fd, buffer, length);
        if (count >= 0) return count;
        if (errno != EINTR) return -errno;
    }
}

int cmitogen_set_nonblocking(int fd, bool on) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int cmitogen_duplicate(int fd, int minimum) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, minimum);
    return copy < 0 ? -errno : copy;
}

int cmitogen_open_null(void) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : cmitogen_above_standard(fd);
}

int cmitogen_open_for_reading(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

int64_t cmitogen_file_size(const char *path) {
    struct stat status;
    return stat(path, &status) < 0 ? -errno : status.st_size;
}

int cmitogen_write_file(const char *path, const void *bytes, size_t length) {
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary) return -ENAMETOOLONG;
    int fd = mkostemp(temporary, O_CLOEXEC); // made with mode 0600
    if (fd < 0) return -errno;
    const char *at = bytes;
    int error = 0;
    while (length > 0 && !error) {
        ssize_t count = write(fd, at, length);
        if (count < 0 && errno != EINTR) error = -errno;
        if (count > 0) {
            at += count;
            length -= (size_t)count;
        }
    }
    if (close(fd) < 0 && !error) error = -errno;
    if (!error && rename(temporary, path) < 0) error = -errno;
    if (error) unlink(temporary);
    return error;
}

int cmitogen_open_for_appending(const char *path, bool create_only) {
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | (create_only ? O_EXCL | O_NOFOLLOW : 0);
    int fd = open(path, flags, 0600);
    return fd < 0 ? -errno : cmitogen_above_standard(fd);
}

int cmitogen_write_all(int fd, const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        ssize_t count = write(fd, at, length);
        if (count < 0 && errno == EAGAIN) {
            struct pollfd wait = { .fd = fd, .events = POLLOUT };
            poll(&wait, 1, -1);
        } else if (count < 0 && errno != EINTR) {
            return -errno;
        } else if (count > 0) {
            at += count;
            length -= (size_t)count;
        }
    }
    return 0;
}

int cmitogen_cache_directory(const char *home) {
    static const char *const names[] = { ".cache", "mitogen" };
    int folder = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; folder >= 0; i++) {
        struct stat status;
        int error = fstat(folder, &status) < 0 ? errno : 0;
        if (!error && (status.st_uid != geteuid() || (status.st_mode & 022))) error = EPERM;
        if (!error && i < 2 && mkdirat(folder, names[i], 0700) < 0 && errno != EEXIST) error = errno;
        int next = error || i == 2 ? -1 : openat(folder, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (!error && i < 2 && next < 0) error = errno;
        close(folder);
        if (error || i == 2) return -error;
        folder = next;
    }
    return -errno;
}

// Without close_range (before Linux 5.9): what /proc lists, else every number up to the limit. Runs between clone and
// exec too, so nothing here allocates; getdents64 into a fixed buffer, because opendir would call malloc.
static void close_listed(int first) {
    struct entry { uint64_t inode; int64_t offset; unsigned short length; unsigned char type; char name[]; };
    char buffer[4096] __attribute__((aligned(8)));
    int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        struct rlimit limit;
        int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536 ? (int)limit.rlim_cur : 65536;
        for (int fd = first; fd < end; fd++) close(fd);
        return;
    }
    for (;;) {
        long bytes = syscall(SYS_getdents64, directory, buffer, sizeof buffer);
        if (bytes <= 0) break;
        for (long at = 0; at < bytes;) {
            struct entry *entry = (struct entry *)(buffer + at);
            int fd = 0;
            const char *digit = entry->name;
            while (*digit >= '0' && *digit <= '9') fd = fd * 10 + (*digit++ - '0');
            if (digit != entry->name && fd >= first && fd != directory) close(fd);
            at += entry->length;
        }
    }
    close(directory);
}

void cmitogen_close_from(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0) return;
#endif
    close_listed(first);
}

int cmitogen_count_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    if (!directory) return -errno;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; // the directory's own descriptor
}

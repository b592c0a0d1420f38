//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#define _GNU_SOURCE
#include "CMitogenFakeSSH.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/// Moves a descriptor away from 0, 1 and 2, which belong to the program.
static int above_standard(int fd) {
    if (fd < 0 || fd > 2) return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3), error = errno;
    close(fd);
    return moved < 0 ? -error : moved;
}

int cmitogen_fakessh_make_folder(char *path) {
    return mkdtemp(path) ? 0 : -errno; // made with mode 0700
}

int cmitogen_fakessh_lock_folder(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -errno;
    struct stat status;
    int error = fstat(fd, &status) < 0 ? errno : status.st_uid != geteuid() ? EPERM : 0;
    if (!error && flock(fd, LOCK_EX | LOCK_NB) < 0) error = errno;
    if (error) {
        close(fd);
        return -error;
    }
    return above_standard(fd);
}

int cmitogen_fakessh_listen(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 128) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return above_standard(fd);
}

int cmitogen_fakessh_accept(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return -errno;
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || peer.uid != geteuid()) {
        close(fd);
        return -EPERM;
    }
    return above_standard(fd);
}

int cmitogen_fakessh_receive(int connection, struct cmitogen_fakessh_request *request, int descriptors[3]) {
    union {
        struct cmsghdr header;
        // Its size is a multiple of eight, so that there is room for a fourth.
        char bytes[CMSG_SPACE(3 * sizeof(int))];
    } control;
    int all[sizeof control.bytes / sizeof(int)];
    struct iovec part = { request, sizeof *request };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes
    };
    ssize_t count;
    do count = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    if (count == 0) return 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return -EPROTO;
    int received = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(all, CMSG_DATA(header), (size_t)received * sizeof(int));
    // The sender sends them with all of this part at once (unix(7)).
    if (received == 3 && count == sizeof *request) {
        memcpy(descriptors, all, 3 * sizeof(int));
        return 1;
    }
    for (int i = 0; i < received; i++) close(all[i]);
    return -EPROTO;
}

int cmitogen_fakessh_nonblocking(int descriptor) {
    char path[40];
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -errno;
    if (flags & O_NONBLOCK) return above_standard(descriptor);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    // Not for files: the place to go on at is what they share.
    int own = lseek(descriptor, 0, SEEK_CUR) < 0 && errno == ESPIPE
        ? open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    if (own >= 0) {
        close(descriptor);
        return above_standard(own);
    }
    // Another user's terminal: it stays as it is for those who share it, and who writes to it may be held up.
    if (isatty(descriptor)) return above_standard(descriptor);
    if (fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return above_standard(descriptor);
}

int cmitogen_fakessh_replace(int descriptor, int by) {
    int result = dup3(by, descriptor, O_CLOEXEC) < 0 ? -errno : 0;
    close(by);
    return result;
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#define _GNU_SOURCE
#include "CMitogenPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int make_socket(const char *path, struct sockaddr_un *address) {
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : cmitogen_above_standard(fd);
}

int cmitogen_unix_connect(const char *path) {
    struct sockaddr_un address;
    int fd = make_socket(path, &address);
    if (fd < 0) return fd;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    int error = -errno;
    close(fd);
    return error;
}

// Removes a socket that nobody listens to.
static int remove_stale(const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0) return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode)) return -EEXIST;
    int fd = cmitogen_unix_connect(path);
    if (fd >= 0) {
        close(fd);
        return -EADDRINUSE;
    }
    if (fd == -ENOENT) return 0;
    // A listener whose queue is full is alive.
    if (fd == -EAGAIN) return -EADDRINUSE;
    if (fd != -ECONNREFUSED) return fd;
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_and_listen(const char *path, int backlog) {
    int stale = remove_stale(path);
    if (stale < 0) return stale;
    struct sockaddr_un address;
    int fd = make_socket(path, &address);
    if (fd < 0) return fd;
    // The file gets the mode that the socket has, so there is no moment in which others could connect.
    if (fchmod(fd, 0600) == 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        if (chmod(path, 0600) == 0 && listen(fd, backlog) == 0) return fd;
        int error = -errno;
        unlink(path);
        close(fd);
        return error;
    }
    int error = -errno;
    close(fd);
    return error;
}

int cmitogen_unix_listen(const char *folder, const char *path, int backlog) {
    int lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0) return -errno;
    // Two that start at the same time must not both take the other's new socket for a stale one.
    int attempts = 200;
    while (flock(lock, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK || --attempts == 0) {
            int error = errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;
            close(lock);
            return error;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    }
    int result = bind_and_listen(path, backlog);
    close(lock);
    return result;
}

int cmitogen_accept(int fd) {
    int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return accepted < 0 ? -errno : cmitogen_above_standard(accepted);
}

int cmitogen_peer(int fd, pid_t *pid, uint32_t *user) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
    *pid = credentials.pid;
    *user = credentials.uid;
    return 0;
}

int cmitogen_private_folder(const char *path, bool create, uint32_t *owner, uint32_t *mode) {
    if (create && mkdir(path, 0700) < 0 && errno != EEXIST) return -errno;
    struct stat status;
    if (lstat(path, &status) < 0) return -errno;
    if (!S_ISDIR(status.st_mode)) return -ENOTDIR;
    *owner = status.st_uid;
    *mode = status.st_mode & 07777;
    return status.st_uid == geteuid() && (status.st_mode & 077) == 0 ? 0 : -EPERM;
}

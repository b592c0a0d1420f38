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
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

// The user namespace comes last: until then the rights of this machine's root count, for which the others ask.
static const char *const names[CMITOGEN_NAMESPACE_COUNT] = { "ipc", "uts", "net", "pid", "mnt", "user" };

const char *cmitogen_namespace_name(int index) {
    return names[index];
}

void cmitogen_close_container(struct cmitogen_container *container) {
    for (int i = 0; i < CMITOGEN_NAMESPACE_COUNT; i++) {
        if (container->namespaces[i] >= 0) close(container->namespaces[i]);
        container->namespaces[i] = -1;
    }
    if (container->root >= 0) close(container->root);
    container->root = -1;
}

/// Whether two descriptors are the same file, or namespace.
static bool is_same(int fd, const char *own) {
    struct stat theirs, ours;
    return fstat(fd, &theirs) == 0 && stat(own, &ours) == 0 && theirs.st_dev == ours.st_dev
        && theirs.st_ino == ours.st_ino;
}

static int open_at(int directory, const char *path, int flags) {
    int fd = openat(directory, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : cmitogen_above_standard(fd);
}

int cmitogen_open_container(pid_t leader, struct cmitogen_container *container) {
    char path[64];
    for (int i = 0; i < CMITOGEN_NAMESPACE_COUNT; i++) container->namespaces[i] = -1;
    container->root = -1;
    snprintf(path, sizeof path, "/proc/%d", (int)leader);
    // It stands for this process: what takes over its number later is not found through it.
    int process = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (process < 0) return process;
    int error = 0;
    bool differs = false;
    for (int i = 0; i < CMITOGEN_NAMESPACE_COUNT && !error; i++) {
        snprintf(path, sizeof path, "ns/%s", names[i]);
        int fd = open_at(process, path, O_RDONLY);
        if (fd == -ENOENT) continue; // a kernel without this kind
        if (fd < 0) error = fd;
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        if (fd >= 0 && is_same(fd, path)) {
            close(fd);
        } else if (fd >= 0) {
            container->namespaces[i] = fd;
            differs = true;
        }
    }
    if (!error) {
        container->root = open_at(process, "root", O_PATH | O_DIRECTORY);
        if (container->root < 0) error = container->root;
        else if (!is_same(container->root, "/")) differs = true;
    }
    close(process);
    if (error) cmitogen_close_container(container);
    return error ? error : differs;
}

int cmitogen_open_inside(const struct cmitogen_container *container, const char *path) {
    // A link in the container must not lead out of it, and whatever the file is, opening it must not wait.
    struct { uint64_t flags, mode, resolve; } how = { O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0x10 }; // IN_ROOT
    int fd = -1;
    errno = ENOSYS;
#ifdef SYS_openat2
    fd = (int)syscall(SYS_openat2, container->root, path, &how, sizeof how);
#endif
    if (fd < 0 && errno == ENOSYS) fd = openat(container->root, path, (int)how.flags | O_NOFOLLOW); // before Linux 5.6
    if (fd < 0) return -errno;
    fd = cmitogen_above_standard(fd);
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) return fd;
    close(fd);
    return -EINVAL;
}

static int copy_all(int from, int to) {
    off_t at = 0;
    for (;;) {
        ssize_t count = sendfile(to, from, &at, 1 << 20);
        if (count == 0) return 0;
        if (count < 0 && errno != EINTR) return -errno;
    }
}

/// A file without a name that nobody can open for writing any more but through /proc, which changes only this copy.
static int unlinked_copy(int from) {
    char path[] = "/tmp/.mitogen-XXXXXX", again[64];
    int file = mkostemp(path, O_CLOEXEC);
    if (file < 0) return -errno;
    unlink(path);
    int result = copy_all(from, file);
    if (!result && fchmod(file, 0555) < 0) result = -errno;
    snprintf(again, sizeof again, "/proc/self/fd/%d", file);
    if (!result) result = open_at(AT_FDCWD, again, O_RDONLY); // what is open for writing cannot be executed
    close(file);
    return result;
}

int cmitogen_memory_file(void) {
    int memory = -1;
    errno = ENOSYS;
#ifdef SYS_memfd_create
    memory = (int)syscall(SYS_memfd_create, "mitogen", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (memory < 0 && errno == EINVAL) { // before Linux 6.3
        memory = (int)syscall(SYS_memfd_create, "mitogen", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
#endif
    return memory < 0 ? -errno : cmitogen_above_standard(memory);
}

int cmitogen_private_copy(int from) {
    int memory = cmitogen_memory_file();
    if (memory < 0) return unlinked_copy(from);
    int error = copy_all(from, memory);
    if (!error && fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
        error = -errno;
    }
    if (!error) return memory;
    close(memory);
    return error;
}

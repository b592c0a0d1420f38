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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static int result_of(int result) {
    return result < 0 ? -errno : result;
}

int cmitogen_file_get_status(int directory, const char *name, bool follow, struct cmitogen_file_status *status) {
    struct stat found;
    int result = name ? fstatat(directory, name, &found, follow ? 0 : AT_SYMLINK_NOFOLLOW) : fstat(directory, &found);
    if (result < 0) return -errno;
    *status = (struct cmitogen_file_status){
        .device = found.st_dev, .inode = found.st_ino, .size = found.st_size, .blocks = found.st_blocks,
        .mode = found.st_mode, .user = found.st_uid, .group = found.st_gid, .links = (uint32_t)found.st_nlink,
        .modified = found.st_mtim.tv_sec, .accessed = found.st_atim.tv_sec, .changed = found.st_ctim.tv_sec,
        .modified_ns = (int32_t)found.st_mtim.tv_nsec, .accessed_ns = (int32_t)found.st_atim.tv_nsec,
        .changed_ns = (int32_t)found.st_ctim.tv_nsec,
    };
    return 0;
}

int cmitogen_file_open(int directory, const char *name, int flags, uint32_t mode) {
    for (;;) {
        int fd = openat(directory, name, flags | O_CLOEXEC | O_NOCTTY, mode);
        if (fd >= 0) return cmitogen_above_standard(fd);
        if (errno != EINTR) return -errno;
    }
}

int cmitogen_file_open_folder(int directory, const char *name, bool follow) {
    return cmitogen_file_open(directory, name, O_RDONLY | O_DIRECTORY | (follow ? 0 : O_NOFOLLOW), 0);
}

int cmitogen_file_open_unnamed(int directory) {
#ifdef O_TMPFILE
    if (access("/proc/self/fd", X_OK) < 0) return -EOPNOTSUPP;
    return cmitogen_file_open(directory, ".", O_TMPFILE | O_RDWR, 0600);
#else
    return -EOPNOTSUPP;
#endif
}

int cmitogen_file_name_unnamed(int fd, int directory, const char *name) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return result_of(linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW));
}

ssize_t cmitogen_file_read(int fd, void *buffer, size_t length, int64_t offset) {
    size_t done = 0;
    while (done < length) {
        ssize_t count = pread(fd, (char *)buffer + done, length - done, offset + (int64_t)done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -errno;
        if (count == 0) break;
        done += (size_t)count;
    }
    return (ssize_t)done;
}

int cmitogen_file_write(int fd, const void *bytes, size_t length, int64_t offset) {
    size_t done = 0;
    while (done < length) {
        ssize_t count = pwrite(fd, (const char *)bytes + done, length - done, offset + (int64_t)done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -errno;
        if (count == 0) return -EIO;
        done += (size_t)count;
    }
    return 0;
}

static int64_t seek(int fd, int64_t offset, int whence) {
    off_t found = lseek(fd, offset, whence);
    return found < 0 ? -errno : found;
}

int64_t cmitogen_file_next_data(int fd, int64_t offset) {
    return seek(fd, offset, SEEK_DATA);
}

int64_t cmitogen_file_next_hole(int fd, int64_t offset) {
    return seek(fd, offset, SEEK_HOLE);
}

int cmitogen_file_resize(int fd, int64_t size) {
    return result_of(ftruncate(fd, size));
}

void cmitogen_file_will_read(int fd) {
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

void cmitogen_file_start_sync(int fd, int64_t offset, int64_t length, int64_t older_offset, int64_t older_length) {
#ifdef SYNC_FILE_RANGE_WRITE
    // A hint only: errors are found by fsync.
    sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
    if (older_length > 0)
        sync_file_range(fd, older_offset, older_length,
            SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
#endif
}

int cmitogen_file_sync(int fd) {
    return result_of(fsync(fd));
}

int cmitogen_file_lock(int fd) {
    return result_of(flock(fd, LOCK_EX | LOCK_NB));
}

int cmitogen_file_set_mode(int directory, const char *name, uint32_t mode) {
    return result_of(name ? fchmodat(directory, name, mode, 0) : fchmod(directory, mode));
}

int cmitogen_file_set_owner(int directory, const char *name, uint32_t user, uint32_t group) {
    return result_of(name ? fchownat(directory, name, user, group, AT_SYMLINK_NOFOLLOW) : fchown(directory, user, group));
}

int cmitogen_file_set_times(int directory, const char *name, int64_t accessed, int32_t accessed_ns, int64_t modified, int32_t modified_ns) {
    struct timespec times[2] = { { accessed, accessed_ns }, { modified, modified_ns } };
    return result_of(name ? utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) : futimens(directory, times));
}

int cmitogen_file_make_directory(int directory, const char *name, uint32_t mode) {
    return result_of(mkdirat(directory, name, mode));
}

int cmitogen_file_make_symbolic_link(int directory, const char *name, const char *target) {
    return result_of(symlinkat(target, directory, name));
}

int cmitogen_file_make_hard_link(int old_directory, const char *old_name, int directory, const char *name) {
    return result_of(linkat(old_directory, old_name, directory, name, 0));
}

int cmitogen_file_rename(int old_directory, const char *old_name, int directory, const char *name) {
    return result_of(renameat(old_directory, old_name, directory, name));
}

int cmitogen_file_remove(int directory, const char *name, bool is_folder) {
    return result_of(unlinkat(directory, name, is_folder ? AT_REMOVEDIR : 0));
}

ssize_t cmitogen_file_read_link(int directory, const char *name, char *buffer, size_t capacity) {
    ssize_t count = readlinkat(directory, name, buffer, capacity);
    return count < 0 ? -errno : count;
}

int cmitogen_file_may_write(int directory, const char *name) {
    return result_of(faccessat(directory, name, W_OK, AT_EACCESS));
}

ssize_t cmitogen_file_list(int directory, char **names) {
    int fd = cmitogen_file_open(directory, ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return fd;
    DIR *stream = fdopendir(fd);
    if (!stream) {
        close(fd);
        return -ENOMEM;
    }
    char *buffer = NULL;
    size_t used = 0, capacity = 0;
    ssize_t error = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (!entry) {
            error = -errno;
            break;
        }
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        size_t length = strlen(entry->d_name) + 1;
        if (used + length > capacity) {
            capacity = 2 * capacity + 4096;
            char *larger = realloc(buffer, capacity);
            if (!larger) {
                error = -ENOMEM;
                break;
            }
            buffer = larger;
        }
        memcpy(buffer + used, entry->d_name, length);
        used += length;
    }
    closedir(stream);
    if (error < 0) {
        free(buffer);
        return error;
    }
    *names = buffer;
    return (ssize_t)used;
}

ssize_t cmitogen_file_list_attributes(int fd, char **names) {
    for (;;) {
        ssize_t size = flistxattr(fd, NULL, 0);
        if (size < 0) return -errno;
        char *buffer = malloc((size_t)size + 1);
        if (!buffer) return -ENOMEM;
        ssize_t count = flistxattr(fd, buffer, (size_t)size);
        if (count >= 0) {
            *names = buffer;
            return count;
        }
        free(buffer);
        if (errno != ERANGE) return -errno;
    }
}

ssize_t cmitogen_file_get_attribute(int fd, const char *name, void *buffer, size_t capacity) {
    ssize_t count = fgetxattr(fd, name, buffer, capacity);
    return count < 0 ? -errno : count;
}

ssize_t cmitogen_file_get_attribute_at(int directory, const char *file, const char *name, void *buffer, size_t capacity) {
    char path[40 + 256];
    if (snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, file) >= (int)sizeof path) return -ENAMETOOLONG;
    ssize_t count = lgetxattr(path, name, buffer, capacity);
    return count < 0 ? -errno : count;
}

int cmitogen_file_set_attribute(int fd, const char *name, const void *value, size_t length) {
    return result_of(fsetxattr(fd, name, value, length, 0));
}

uint32_t cmitogen_file_mask(void) {
    unsigned mask = 022;
    char line[128];
    FILE *file = fopen("/proc/self/status", "re");
    if (!file) return mask;
    while (fgets(line, sizeof line, file) && sscanf(line, "Umask: %o", &mask) != 1) continue;
    fclose(file);
    return mask;
}

// -------------------------------------------------------------------------------------------------- SHA-256, in pieces

void cmitogen_digest_begin(struct cmitogen_digest *digest) {
    static const uint32_t start[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(digest->state, start, sizeof start);
    digest->length = 0;
}

void cmitogen_digest_update(struct cmitogen_digest *digest, const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    size_t held = digest->length % 64;
    digest->length += length;
    if (held > 0) {
        size_t part = length < 64 - held ? length : 64 - held;
        memcpy(digest->tail + held, at, part);
        if (held + part < 64) return;
        cmitogen_sha256_blocks(digest->state, digest->tail, 1);
        at += part;
        length -= part;
    }
    cmitogen_sha256_blocks(digest->state, at, length / 64);
    memcpy(digest->tail, at + length / 64 * 64, length % 64);
}

void cmitogen_digest_end(struct cmitogen_digest *digest, uint8_t result[32]) {
    uint64_t bits = digest->length * 8;
    size_t held = digest->length % 64;
    uint8_t end[128] = { 0x80 };
    size_t padding = (held < 56 ? 64 : 128) - held;
    for (int i = 0; i < 8; i++) end[padding - 1 - (size_t)i] = (uint8_t)(bits >> (8 * i));
    cmitogen_digest_update(digest, end, padding);
    for (int i = 0; i < 32; i++) result[i] = (uint8_t)(digest->state[i / 4] >> (24 - 8 * (i % 4)));
}

//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// Files and folders, each by a descriptor of its folder, so that a link that is put in its place leads nowhere else.
// Errors come back as negative errno values. A name of NULL means the descriptor itself.

#ifndef CMITOGEN_FILES_H
#define CMITOGEN_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cmitogen_file_status {
    uint64_t device, inode;
    int64_t size, blocks; // blocks of 512 bytes
    uint32_t mode, user, group, links;
    int64_t modified, accessed, changed; // seconds, and the nanoseconds of each
    int32_t modified_ns, accessed_ns, changed_ns;
};

int cmitogen_file_get_status(int directory, const char *name, bool follow, struct cmitogen_file_status *status);
/// openat(2), close-on-exec, and never a controlling terminal.
int cmitogen_file_open(int directory, const char *name, int flags, uint32_t mode);
/// Opens what a name stands for, only to name it: nothing is read, and no device is touched.
int cmitogen_file_open_folder(int directory, const char *name, bool follow);
/// A file without a name (O_TMPFILE), which is gone with its descriptor; an error where the file system has none, or
/// where it could not be given a name later because there is no /proc.
int cmitogen_file_open_unnamed(int directory);
int cmitogen_file_name_unnamed(int fd, int directory, const char *name);

/// Reads until the buffer is full or the file ends. Returns the bytes read.
ssize_t cmitogen_file_read(int fd, void *buffer, size_t length, int64_t offset);
/// Writes everything. 0 or a negative errno.
int cmitogen_file_write(int fd, const void *bytes, size_t length, int64_t offset);
/// Where data begins, or a hole does, at or after an offset; -ENXIO behind the last data.
int64_t cmitogen_file_next_data(int fd, int64_t offset);
int64_t cmitogen_file_next_hole(int fd, int64_t offset);
int cmitogen_file_resize(int fd, int64_t size);
/// Tells the kernel that the file is read from front to back.
void cmitogen_file_will_read(int fd);
/// Starts to write a range to the disk, and waits for one that was started before if its length is not 0.
void cmitogen_file_start_sync(int fd, int64_t offset, int64_t length, int64_t older_offset, int64_t older_length);
int cmitogen_file_sync(int fd);
/// Takes the exclusive lock of the file, without waiting.
int cmitogen_file_lock(int fd);

int cmitogen_file_set_mode(int directory, const char *name, uint32_t mode);
/// A number of UINT32_MAX leaves that one as it is. A link itself is changed, not what it leads to.
int cmitogen_file_set_owner(int directory, const char *name, uint32_t user, uint32_t group);
int cmitogen_file_set_times(int directory, const char *name, int64_t accessed, int32_t accessed_ns, int64_t modified, int32_t modified_ns);

int cmitogen_file_make_directory(int directory, const char *name, uint32_t mode);
int cmitogen_file_make_symbolic_link(int directory, const char *name, const char *target);
int cmitogen_file_make_hard_link(int old_directory, const char *old_name, int directory, const char *name);
int cmitogen_file_rename(int old_directory, const char *old_name, int directory, const char *name);
int cmitogen_file_remove(int directory, const char *name, bool is_folder);
ssize_t cmitogen_file_read_link(int directory, const char *name, char *buffer, size_t capacity);
int cmitogen_file_may_write(int directory, const char *name);

/// The names in a folder, each ended by a zero byte, without "." and ".."; to be freed. Returns how many bytes.
ssize_t cmitogen_file_list(int directory, char **names);
/// The names of the extended attributes, each ended by a zero byte; to be freed. Returns how many bytes.
ssize_t cmitogen_file_list_attributes(int fd, char **names);
ssize_t cmitogen_file_get_attribute(int fd, const char *name, void *buffer, size_t capacity);
/// The same for a name in a folder, which need not be readable; a link is not followed. -ENOENT without /proc.
ssize_t cmitogen_file_get_attribute_at(int directory, const char *file, const char *name, void *buffer, size_t capacity);
int cmitogen_file_set_attribute(int fd, const char *name, const void *value, size_t length);

/// The file mode creation mask of this process, without changing it; 022 where /proc does not tell.
uint32_t cmitogen_file_mask(void);

// ------------------------------------------------------------------------------------------------ SHA-256, in pieces

struct cmitogen_digest {
    uint32_t state[8];
    uint64_t length;
    uint8_t tail[64];
};

void cmitogen_digest_begin(struct cmitogen_digest *digest);
void cmitogen_digest_update(struct cmitogen_digest *digest, const void *bytes, size_t length);
void cmitogen_digest_end(struct cmitogen_digest *digest, uint8_t result[32]);

#endif

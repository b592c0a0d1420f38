//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// What this executable does when it is started as `…/mitogen-fakessh-XXXXXX/ssh`: it gives its arguments, its
// environment and its first three descriptors to the process that listens in that folder, waits for the command's exit
// status, and exits with it. As scp or sftp of that folder it executes the real one, which would start an ssh by its full
// path otherwise.
//
// It runs before main, and before Swift's runtime, so that an ssh costs no more than a small program. The path that was
// executed decides (AT_EXECFN of getauxval(3)): arguments and environment are the program's.

#define _GNU_SOURCE
#include "CMitogenFakeSSH.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// ssh(1): 255 if an error occurred.
enum { FAILED = 255, NOT_FOUND = 127 };

static void fail(const char *name, const char *text, int status) {
    dprintf(2, "%s: mitogen: %s%s%s\n", name, text, errno ? ": " : "", errno ? strerror(errno) : "");
    _exit(status);
}

/// Reads a file to its end. Where the C library gives constructors no arguments, this is where they are.
static char *read_file(const char *path, size_t *length) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    size_t capacity = 4096;
    char *bytes = malloc(capacity);
    *length = 0;
    while (bytes) {
        ssize_t count = read(fd, bytes + *length, capacity - *length);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        *length += (size_t)count;
        if (*length == capacity) bytes = realloc(bytes, capacity *= 2);
    }
    close(fd);
    return bytes;
}

// ------------------------------------------------------------------------------------------------------------------ ssh

static void send_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = send(fd, bytes, length, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("ssh", "cannot pass the command on", FAILED);
        bytes += count;
        length -= (size_t)count;
    }
}

/// Sends the head of the request, and descriptors 0, 1 and 2 with it.
static void send_head(int fd, struct cmitogen_fakessh_request head) {
    int descriptors[3] = { 0, 1, 2 };
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof descriptors)];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = { &head, sizeof head };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes
    };
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof descriptors);
    memcpy(CMSG_DATA(&control.header), descriptors, sizeof descriptors);
    ssize_t count;
    do count = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    if (count != sizeof head) fail("ssh", "cannot pass the command on", FAILED);
}

static int connect_to(const char *folder) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/" CMITOGEN_FAKESSH_SOCKET, folder);
    if (length >= (int)sizeof address.sun_path) errno = ENAMETOOLONG;
    if (length >= (int)sizeof address.sun_path) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int result;
    do result = connect(fd, (struct sockaddr *)&address, sizeof address);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -1 : fd;
}

static void be_ssh(const char *folder) {
    int null = open("/dev/null", O_RDWR);
    while (null >= 0 && null < 3) null = dup(null); // those of the first three that the program has closed
    int fd = connect_to(folder);
    if (fd < 0) fail("ssh", "the program that this ssh is for has ended", FAILED);
    size_t length;
    char *arguments = read_file("/proc/self/cmdline", &length);
    if (!arguments) fail("ssh", "cannot read /proc/self/cmdline", FAILED);
    struct cmitogen_fakessh_request head = { .argument_bytes = (uint32_t)length };
    for (char **entry = environ; *entry; entry++) head.environment_bytes += (uint32_t)strlen(*entry) + 1;
    send_head(fd, head);
    send_all(fd, arguments, length);
    for (char **entry = environ; *entry; entry++) send_all(fd, *entry, strlen(*entry) + 1);
    // The other process has them now. Whoever is at the other end of a pipe is to see when that one closes it.
    if (null >= 0 && (dup2(null, 0) < 0 || dup2(null, 1) < 0)) fail("ssh", "cannot close the standard input", FAILED);
    unsigned char status;
    ssize_t count;
    do count = read(fd, &status, 1);
    while (count < 0 && errno == EINTR);
    errno = 0;
    if (count != 1) fail("ssh", "the connection was closed", FAILED);
    _exit(status);
}

// ------------------------------------------------------------------------------------------------------------ scp, sftp

/// Executes the next program of this name in PATH, with the option that says which ssh to use in front of the others.
static void be_wrapper(const char *name, const char *folder) {
    size_t length;
    char *words = read_file("/proc/self/cmdline", &length);
    if (!words) fail(name, "cannot read /proc/self/cmdline", NOT_FOUND);
    size_t count = 0, at = 0;
    for (size_t i = 0; i < length; i++) count += words[i] == 0;
    char **arguments = calloc(count + 4, sizeof *arguments), ssh[PATH_MAX], path[PATH_MAX];
    if (!arguments || snprintf(ssh, sizeof ssh, "%s/ssh", folder) >= (int)sizeof ssh) fail(name, "out of memory", NOT_FOUND);
    for (char *word = words; word < words + length; word += strlen(word) + 1) {
        arguments[at++] = word;
        if (at != 1) continue;
        arguments[at++] = "-S"; // a later one, which the user has typed, wins
        arguments[at++] = ssh;
    }
    const char *search = getenv("PATH");
    for (const char *start = search ? search : "/usr/bin:/bin"; start;) {
        const char *end = strchr(start, ':');
        int size = end ? (int)(end - start) : (int)strlen(start);
        if ((size_t)size != strlen(folder) || memcmp(start, folder, (size_t)size) != 0) {
            int made = snprintf(path, sizeof path, "%.*s/%s", size ? size : 1, size ? start : ".", name);
            if (made < (int)sizeof path) execv(path, arguments);
        }
        start = end ? end + 1 : NULL;
    }
    errno = 0;
    fail(name, "command not found", NOT_FOUND);
}

// ---------------------------------------------------------------------------------------------------------------- start

// Before the constructors without a number.
__attribute__((constructor(101))) static void start(void) {
    const char *path = (const char *)getauxval(AT_EXECFN);
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!slash) return;
    char folder[PATH_MAX];
    if ((size_t)(slash - path) >= sizeof folder) return;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = 0;
    const char *parent = strrchr(folder, '/');
    if (!parent || strncmp(parent + 1, CMITOGEN_FAKESSH_FOLDER, strlen(CMITOGEN_FAKESSH_FOLDER)) != 0) return;
    const char *name = slash + 1;
    if (strcmp(name, "ssh") == 0) be_ssh(folder);
    if (strcmp(name, "scp") == 0 || strcmp(name, "sftp") == 0) be_wrapper(name, folder);
}

void cmitogen_fakessh_link_client(void) {
}

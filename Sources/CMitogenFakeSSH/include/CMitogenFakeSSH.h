//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// Both ends of the socket between a program's ssh, which is this executable under another name, and the process that has
// started the program. Errors come back as negative errno values.

#ifndef CMITOGEN_FAKESSH_H
#define CMITOGEN_FAKESSH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What the name of the folder with the links begins with, and the name of the socket in it.
#define CMITOGEN_FAKESSH_FOLDER "mitogen-fakessh-"
#define CMITOGEN_FAKESSH_SOCKET "socket"

/// What an ssh sends first, with its descriptors 0, 1 and 2. As many bytes follow: the arguments, each with its
/// terminating NUL, and behind those the environment, likewise. The answer is one byte, the status to exit with.
struct cmitogen_fakessh_request {
    uint32_t argument_bytes;
    uint32_t environment_bytes;
};

/// The most that a kernel takes as arguments and environment of a new program (execve(2)) is 6 MiB.
enum { CMITOGEN_FAKESSH_MOST_BYTES = 8 << 20 };

/// Makes a folder that only the user may enter, below another one, and writes its path over `path`, which ends with six X.
int cmitogen_fakessh_make_folder(char *path);
/// Locks a folder of this process's user, until the descriptor that it returns is closed or the process ends, however that
/// comes about. -EWOULDBLOCK if another process has locked it.
int cmitogen_fakessh_lock_folder(const char *path);
/// A socket in the file system that listens, non-blocking.
int cmitogen_fakessh_listen(const char *path);
/// The next connection, non-blocking, of a process of this process's user; -EAGAIN if there is none, -EPERM if it was
/// another user's.
int cmitogen_fakessh_accept(int listener);
/// Reads the first part of a request. 1, 0 at the end, or -EPROTO for what is none.
int cmitogen_fakessh_receive(int connection, struct cmitogen_fakessh_request *request, int descriptors[3]);
/// Makes a descriptor's like that does not block, and closes it. What others share keeps its flags where the system can
/// open it once more; otherwise (sockets) it becomes non-blocking for all, as ssh does it.
int cmitogen_fakessh_nonblocking(int descriptor);

/// Makes the number `descriptor` what `by` is, and closes that.
int cmitogen_fakessh_replace(int descriptor, int by);

/// Does nothing. It is called so that a static library brings `client.c` along, with its constructor.
void cmitogen_fakessh_link_client(void);

#endif

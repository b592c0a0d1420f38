//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// What Swift cannot see through `import Glibc`, or may not do between clone and exec. Nothing here decides anything:
// every function is one system call or one fixed sequence of them. Errors come back as negative errno values.

#ifndef CMITOGEN_PLATFORM_H
#define CMITOGEN_PLATFORM_H

#include "CMitogenFiles.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// ---------------------------------------------------------------------------------------------------------- readiness

enum { CMITOGEN_READABLE = 1, CMITOGEN_WRITABLE = 2, CMITOGEN_HANGUP = 4 };

struct cmitogen_event {
    uint64_t token;
    uint32_t readiness;
};

/// What poll(2) is to watch; the readiness is both what is asked for and what is found.
struct cmitogen_watch {
    int32_t fd;
    uint32_t readiness;
};

/// Waits by poll(2) and sets the readiness that `found` has room for, one for each watch. Returns how many are ready.
int cmitogen_poll(const struct cmitogen_watch *watches, uint32_t *found, int count, int64_t nanoseconds);

int cmitogen_epoll_create(void);
/// Sets what is watched for `fd`; `interest` 0 still reports a hang-up. `add` tells a first registration from a change.
int cmitogen_epoll_set(int epoll, int fd, uint64_t token, uint32_t interest, bool add);
int cmitogen_epoll_remove(int epoll, int fd);
/// Waits at most `nanoseconds` (negative: for ever). Returns how many events were stored.
int cmitogen_epoll_wait(int epoll, struct cmitogen_event *events, int capacity, int64_t nanoseconds);

int cmitogen_eventfd_create(void);
void cmitogen_eventfd_signal(int fd);
void cmitogen_eventfd_clear(int fd);

// --------------------------------------------------------------------------------------------------------- descriptors

/// A connected pair of stream sockets, both close-on-exec; the first is non-blocking.
int cmitogen_socketpair(int pair[2]);
/// A pipe, both ends close-on-exec; the read end is non-blocking if asked for.
int cmitogen_pipe(int pair[2], bool nonblocking_read);
/// Writes head then body with one system call and without SIGPIPE. Returns the bytes taken.
ssize_t cmitogen_write2(int fd, const void *head, size_t head_length, const void *body, size_t body_length);
ssize_t cmitogen_read(int fd, void *buffer, size_t length);
int cmitogen_set_nonblocking(int fd, bool on);
/// Duplicates `fd` to the lowest free number that is at least `minimum`, close-on-exec.
int cmitogen_duplicate(int fd, int minimum);
int cmitogen_open_null(void);
/// Moves a descriptor away from 0, 1 and 2, which a program may have closed: what it thinks is its output must not be
/// ours. Everything that this file opens goes through it.
int cmitogen_above_standard(int fd);
/// Does not wait, as opening a FIFO or a terminal may; reading a regular file is as ever.
int cmitogen_open_for_reading(const char *path);
int64_t cmitogen_file_size(const char *path);
/// Writes a file that only the user may read, under another name first. 0 or a negative errno.
int cmitogen_write_file(const char *path, const void *bytes, size_t length);
/// Opens a file that only the user may use, to write at its end: an existing one, or a new one if `create` is set, which
/// is an error if there already is one. A symbolic link is not followed then. A descriptor or a negative errno.
int cmitogen_open_for_appending(const char *path, bool create_only);
/// Writes everything, also to a descriptor that does not block. 0 or a negative errno.
int cmitogen_write_all(int fd, const void *bytes, size_t length);
/// Makes `.cache/mitogen` in the home if need be. 0 or a negative errno: EPERM if the home or one of the folders belongs to
/// somebody else or can be written by others, ENOTDIR or ELOOP if one is no folder but, say, a link.
int cmitogen_cache_directory(const char *home);
/// Closes every descriptor from `first` up.
void cmitogen_close_from(int first);
/// How many descriptors this process has open.
int cmitogen_count_descriptors(void);

// ----------------------------------------------------------------------------------------------------------- processes

enum { CMITOGEN_NAMESPACE_COUNT = 6 };

/// What a container's first process lives in.
struct cmitogen_container {
    int namespaces[CMITOGEN_NAMESPACE_COUNT]; // in the order in which they are entered; -1: there is nothing to enter
    int root;                                 // the root folder
};

/// Opens what a process lives in. 1, 0 if all of it is what this process lives in itself, or a negative errno.
int cmitogen_open_container(pid_t leader, struct cmitogen_container *container);
void cmitogen_close_container(struct cmitogen_container *container);
/// What the namespace at a place of the list is called, such as `pid`.
const char *cmitogen_namespace_name(int index);
/// Opens a regular file for reading; links are resolved inside.
int cmitogen_open_inside(const struct cmitogen_container *container, const char *path);
/// A copy of a program that can be executed and no longer changed: /proc/PID/exe leads a container's root to what it
/// runs, so that must not be the file on this machine.
int cmitogen_private_copy(int from);
/// A file in memory, empty, that can be sealed and executed. Returns -errno where there are none.
int cmitogen_memory_file(void);

/// Where a program is to run instead of here, and as whom.
struct cmitogen_entry {
    struct cmitogen_container container;
    uint32_t user, group;
    const uint32_t *groups;
    int group_count;
    int program; // the descriptor of what is executed instead of the path; -1: the path
};

struct cmitogen_spawn {
    const char *path;         // a path with a slash, or a name that is looked for in search_path
    const char *search_path;  // the value of PATH
    char *const *arguments;   // ends with NULL
    char *const *environment; // ends with NULL
    const char *directory;    // NULL: unchanged
    int descriptors[3];       // what becomes 0, 1 and 2; -1: /dev/null, -2: the terminal
    const char *terminal;     // what becomes the controlling terminal; NULL: there is none
    uint64_t open_files_soft, open_files_hard; // RLIMIT_NOFILE to set if hard is not 0
    const struct cmitogen_entry *entry; // NULL: it runs here; else a directory that cannot be entered does not matter
    int guard;                          // the descriptor of a guard that is told of the process before it runs; 0: none
    bool shares_session;                // it stays in the session and the group of this process
};

enum { CMITOGEN_SPAWN_CLONE = 1, CMITOGEN_SPAWN_SESSION, CMITOGEN_SPAWN_TERMINAL, CMITOGEN_SPAWN_DESCRIPTORS, CMITOGEN_SPAWN_DIRECTORY, CMITOGEN_SPAWN_EXEC,
    CMITOGEN_SPAWN_GUARD, CMITOGEN_SPAWN_ROOT, CMITOGEN_SPAWN_USER, CMITOGEN_SPAWN_NAMESPACES /* and the namespace's place in the list */ };

/// Starts a program, in a session of its own unless it is to share this one, with default signal dispositions and an empty mask, and nothing open
/// but 0, 1 and 2. Returns the process id, or a negative errno and in `stage` the step that failed.
pid_t cmitogen_spawn(const struct cmitogen_spawn *what, int *stage);

/// Opens a pseudo-terminal that passes bytes on as they are. Returns the non-blocking master and the slave's path.
int cmitogen_open_terminal(char *path, size_t capacity);

/// Listens on a Unix socket of mode 0600. One that nobody listens to any more is replaced, under a lock of the folder that
/// it lies in. Returns the descriptor, non-blocking; -EADDRINUSE if somebody listens, -EEXIST if there is another file,
/// -ETIMEDOUT if the folder stays locked for a second, or another -errno.
int cmitogen_unix_listen(const char *folder, const char *path, int backlog);
/// Returns a connected descriptor, non-blocking; -EAGAIN if the listener's queue is full, or another -errno.
int cmitogen_unix_connect(const char *path);
/// Returns the next connection, non-blocking, or -errno.
int cmitogen_accept(int fd);
/// Who is, or listens, at the other end of a Unix socket; 0 or -errno.
int cmitogen_peer(int fd, pid_t *pid, uint32_t *user);
/// 0 if the folder belongs to this process's user and is closed to others, -EPERM if not, -ENOTDIR, or another -errno.
int cmitogen_private_folder(const char *path, bool create, uint32_t *owner, uint32_t *mode);

/// A descriptor that becomes readable when the process ends; -ENOSYS before Linux 5.3.
int cmitogen_pidfd_open(pid_t pid);
/// 1 and the raw wait status if the process ended (it is reaped), 0 if it still runs, negative errno otherwise.
int cmitogen_reap(pid_t pid, int *status);
/// Reaps a child of this process that is in the process group. 1 if one was reaped, 0 if there are some that still run,
/// -ECHILD if there is none.
int cmitogen_reap_group(pid_t group);
/// 1 if the process ended and is still to be reaped, 0 if it runs, negative errno otherwise.
int cmitogen_has_ended(pid_t pid);
/// Splits a raw wait status: the exit status, or -1 and the signal.
int cmitogen_status_code(int status, int *signal);

/// Starts a process that ends the process groups that it is told of when nobody holds the descriptor `output` any more:
/// TERM, and KILL 500 ms later. Returns its id or a negative errno.
pid_t cmitogen_guard_start(int *output);
/// Tells it of a process group, or, with the negative number, that the group is no longer its concern, or, with 0, nothing. 0, or -EPIPE if the
/// guard is gone, -EAGAIN if it stands still.
int cmitogen_guard_tell(int output, pid_t record);
/// Ends it, and nothing else.
void cmitogen_guard_end(pid_t pid, int output);

/// Sends a byte with descriptors. 0 or a negative errno.
int cmitogen_send_descriptors(int socket, const int *descriptors, int count);
/// Waits for a byte with so many descriptors, which are close-on-exec. 1, 0 at the end, -EMFILE if there are not so many, or
/// another -errno.
int cmitogen_receive_descriptors(int socket, int *descriptors, int count);
/// Makes a copy of this process that has the same parent. The calling thread must be the first and only one. Returns the
/// copy's number, 0 in the copy, -ENOTSUP if the kernel (CONFIG_CHECKPOINT_RESTORE) or the C library cannot, or another
/// -errno.
int cmitogen_fork_sibling(void);
enum { CMITOGEN_PROCESSOR_TIME, CMITOGEN_MEMORY, CMITOGEN_OPEN_FILES };
/// What the process may raise its limit to; the largest number if there is no limit.
uint64_t cmitogen_hard_limit(int what);
/// What the process may use: at the limit it gets SIGXCPU, a second later SIGKILL. 0, -EPERM above the hard limit, or
/// another -errno, as below.
int cmitogen_limit_processor_time(uint64_t seconds);
/// Limits the memory of its own that the process may have (RLIMIT_DATA).
int cmitogen_limit_memory(uint64_t bytes);
/// Sets the nice value of this thread and of those that it makes.
int cmitogen_set_nice(int value);
/// The bytes that RLIMIT_DATA counts of this process; negative if that is not known.
int64_t cmitogen_data_memory(void);

/// Raises the soft RLIMIT_NOFILE to the hard one and tells both old values; 0 or negative errno.
int cmitogen_raise_open_files(uint64_t *soft, uint64_t *hard);
int cmitogen_set_open_files(uint64_t soft, uint64_t hard);
/// The vector that main was given, and its length; Swift's runtime finds it only where there is /proc. 0 if that is not
/// known.
int cmitogen_arguments(char ***arguments);
/// Changes what ps and top show for this process. `argv` is the vector that main was given.
void cmitogen_set_title(int argc, char **argv, const char *title);
void cmitogen_ignore_sigpipe(void);
/// Keeps some megabytes that were freed: giving them back and taking them again costs more than a large message. Threads
/// share two arenas, unless the environment sets malloc: what one thread allocates another frees here, so that with an
/// arena for each thread a thousand busy streams took three times the memory. To be called before threads are made.
void cmitogen_configure_allocator(void);
/// Writes to the standard error that the process was started with.
void cmitogen_complain(const char *text);
/// Makes stdio's standard output write whole lines.
void cmitogen_line_buffer_output(void);
/// Writes what stdio's standard output still holds, unless that would block.
void cmitogen_flush_output(void);
/// The environment's entries, ending with NULL.
char **cmitogen_environment(void);
/// Blocks the signals in this thread and every thread made later; `cmitogen_signal_wait` takes them one at a time.
int cmitogen_signal_descriptor(const int *signals, int count);
int cmitogen_signal_read(int fd);
int64_t cmitogen_private_memory(pid_t pid);
/// The bytes of memory that this process occupies; negative if that is not known.
int64_t cmitogen_resident_memory(void);
/// The bytes that are allocated with malloc; negative if that is not known.
int64_t cmitogen_allocated_memory(void);

/// The local time: `HH:MM:SS.ffffff`, or `YYYYMMDD_HHMMSS` if it is for the name of a file.
void cmitogen_local_time(char *text, size_t capacity, bool is_for_name);
/// Writes a byte to `fd` for each such signal from now on; -EEXIST if the program already handles the signal.
int cmitogen_signal_watch(int number, int fd);
/// Lets the signal have its default effect again.
void cmitogen_signal_unwatch(int number);

// ------------------------------------------------------------------------------------------------------------- threads

/// Starts a detached thread with all signals blocked; 0 or a negative errno.
int cmitogen_thread_start(const char *name, size_t stack_size, void (*body)(void *), void *argument);
uint64_t cmitogen_thread_id(void);
/// One pointer for each thread; NULL at first.
void *cmitogen_thread_slot(void);

void cmitogen_set_thread_slot(void *value);

/// Whether a Swift object whose memory is still there is alive; then it is retained once more.
bool cmitogen_try_retain(void *object);
int cmitogen_processor_count(void);

struct cmitogen_thread_info {
    int32_t id;
    char name[16];
    char state; // the kernel's letter
    int64_t processor_milliseconds;
};
/// The kernel's number for the calling thread.
int32_t cmitogen_kernel_thread_id(void);
enum cmitogen_thread_wait {
    CMITOGEN_THREAD_RUNS, // or waits for a processor
    CMITOGEN_THREAD_LOCKS,
    CMITOGEN_THREAD_SLEEPS,
};
/// What a thread of this process does (proc_pid_stat(5), proc_pid_syscall(5)); that it sleeps if it cannot be told.
enum cmitogen_thread_wait cmitogen_thread_waits(int32_t id);
/// Describes at most `capacity` threads of this process. Returns how many.
int cmitogen_list_threads(struct cmitogen_thread_info *threads, int capacity);

/// The monotonic clock, in nanoseconds.
int64_t cmitogen_monotonic_nanoseconds(void);

struct cmitogen_parker; // a place where one thread sleeps
struct cmitogen_parker *cmitogen_parker_create(void);
void cmitogen_parker_destroy(struct cmitogen_parker *parker);
/// Sleeps until unparked, or for so many nanoseconds (negative: for ever). False if the time ran out.
bool cmitogen_parker_park(struct cmitogen_parker *parker, int64_t nanoseconds);
void cmitogen_parker_unpark(struct cmitogen_parker *parker);

// --------------------------------------------------------------------------------------------------------- main queue

/// libdispatch's main queue, which is where Swift's main actor runs: a descriptor that is readable while it has work.
int cmitogen_main_queue_descriptor(void);
void cmitogen_main_queue_drain(void);
/// Whether the calling thread is the one that `main` runs on.
bool cmitogen_is_main_thread(void);

// --------------------------------------------------------------------------------------------------------------- image

void cmitogen_sha256(const void *bytes, size_t length, uint8_t digest[32]);
/// The same without the processor's instructions, for the test that compares both.
void cmitogen_sha256_portable(const void *bytes, size_t length, uint8_t digest[32]);
/// The compression function of SHA-256 over whole blocks of 64 bytes.
void cmitogen_sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);
/// Whether the processor has instructions for SHA-256.
bool cmitogen_sha256_uses_processor(void);
/// The GNU build id of the running program; returns its length, 0 if it has none.
size_t cmitogen_own_build_id(uint8_t *buffer, size_t capacity);

// ------------------------------------------------------------------------------------------------------- fatal signals

/// On SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE and SIGSEGV: copies what the capture pipe still holds, and the last
/// bytes already taken from it, to `original_stderr`, and lets the signal have its default effect.
void cmitogen_crash_handler_install(int original_stderr, int capture_descriptor);
/// Gives the calling thread a stack for that handler, so that a stack overflow is reported too. NULL: none was needed.
void *cmitogen_crash_stack_install(void);
void cmitogen_crash_stack_remove(void *memory);
/// read(2) of the capture pipe that leaves a copy where the crash handler finds it.
ssize_t cmitogen_capture_read(int fd, void *buffer, size_t length);

// ------------------------------------------------------------------------------------------------------ Swift's runtime

/// The runtime's own (stdlib/public/runtime/AccessibleFunction.cpp): the record of the distributed method with this mangled
/// name; NULL if the program has none. It compares names and does not read them.
const void *swift_findAccessibleFunction(const char *name, size_t length);

#endif

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
#include <linux/futex.h>
#include <poll.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct child {
    const struct cmitogen_spawn *what;
    int null;
    int stage;
    int error;
};

// Everything below runs in the new process while it still shares the parent's memory: no allocation, no locks.

static void reset_signals(void) {
    struct sigaction standard = { .sa_handler = SIG_DFL };
    for (int number = 1; number < 65; number++) sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int place_descriptors(const int wanted[3], int null, int terminal, int program) {
    int high[3];
    for (int i = 0; i < 3; i++) { // out of the way first, so that no dup2 overwrites one that is still needed
        int from = wanted[i] == -2 ? terminal : wanted[i] < 0 ? null : wanted[i];
        if (from < 0) errno = -from; // why /dev/null could not be opened
        if (from < 0) return -1;
        high[i] = fcntl(from, F_DUPFD, 3);
        if (high[i] < 0) return -1;
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(high[i], i) < 0) return -1;
    }
    if (program < 0) {
        cmitogen_close_from(3);
        return 0;
    }
    if (program != 3 && dup2(program, 3) < 0) return -1;
    if (fcntl(3, F_SETFD, FD_CLOEXEC) < 0) return -1;
    cmitogen_close_from(4);
    return 0;
}

/// Executes what place_descriptors has put at 3.
static int exec_descriptor(const struct cmitogen_spawn *what) {
#ifdef SYS_execveat
    syscall(SYS_execveat, 3, "", what->arguments, what->environment, AT_EMPTY_PATH);
    if (errno != ENOSYS) return errno;
#endif
    execve("/proc/self/fd/3", what->arguments, what->environment); // before Linux 3.19
    return errno;
}

static int search_and_exec(const struct cmitogen_spawn *what) {
    if (what->entry && what->entry->program >= 0) return exec_descriptor(what);
    if (strchr(what->path, '/')) {
        // A program that was just written may still be open in a process that is about to execute another one.
        const struct timespec moment = { .tv_nsec = 1000 * 1000 };
        for (int turn = 0; turn < 100; turn++) {
            execve(what->path, what->arguments, what->environment);
            if (errno != ETXTBSY) break;
            nanosleep(&moment, NULL);
        }
        return errno;
    }
    char candidate[4096];
    int result = ENOENT;
    size_t name_length = strlen(what->path);
    for (const char *start = what->search_path; start;) {
        const char *end = strchr(start, ':');
        size_t length = end ? (size_t)(end - start) : strlen(start);
        if (length + name_length + 3 < sizeof candidate) {
            memcpy(candidate, length ? start : ".", length ? length : 1);
            size_t at = length ? length : 1;
            candidate[at++] = '/';
            memcpy(candidate + at, what->path, name_length + 1);
            execve(candidate, what->arguments, what->environment);
            if (errno != ENOENT && errno != ENOTDIR && result != EACCES) result = errno;
        }
        start = end ? end + 1 : NULL;
    }
    return result;
}

// The calls themselves: glibc's functions of these names would have every thread of the copied process do the same.
static int set_groups(int count, const uint32_t *groups) {
#ifdef SYS_setgroups32
    return (int)syscall(SYS_setgroups32, count, groups);
#else
    return (int)syscall(SYS_setgroups, count, groups);
#endif
}

static int set_account(uint32_t user, uint32_t group) {
#ifdef SYS_setresuid32
    return syscall(SYS_setresgid32, group, group, group) < 0 ? -1 : (int)syscall(SYS_setresuid32, user, user, user);
#else
    return syscall(SYS_setresgid, group, group, group) < 0 ? -1 : (int)syscall(SYS_setresuid, user, user, user);
#endif
}

static int become(const struct cmitogen_entry *entry) {
    bool is_mapped = entry->container.namespaces[CMITOGEN_NAMESPACE_COUNT - 1] >= 0;
    // Some user namespaces have no other groups than the first. Those of this machine were left before it was entered.
    if (set_groups(entry->group_count, entry->groups) < 0 && !(is_mapped && errno == EPERM)) return -1;
    return set_account(entry->user, entry->group);
}

static int child_main(void *argument) {
    struct child *child = argument;
    const struct cmitogen_spawn *what = child->what;
    const struct cmitogen_entry *entry = what->entry;
    child->stage = CMITOGEN_SPAWN_SESSION;
    if (!what->shares_session && setsid() < 0) goto failed;
    reset_signals();
    child->stage = CMITOGEN_SPAWN_GUARD;
    // By the process itself: its parent may be gone before it could tell.
    errno = what->guard ? -cmitogen_guard_tell(what->guard, getpid()) : 0;
    if (errno) goto failed;
    child->stage = CMITOGEN_SPAWN_TERMINAL;
    // The first terminal that the leader of a session opens becomes the session's controlling one.
    int terminal = what->terminal ? open(what->terminal, O_RDWR) : -1;
    if (what->terminal && terminal < 0) goto failed;
    child->stage = CMITOGEN_SPAWN_DESCRIPTORS;
    if (place_descriptors(what->descriptors, child->null, terminal, entry ? entry->program : -1) < 0) goto failed;
    // Only now: the numbers that the descriptors had before may be above the limit.
    if (what->open_files_hard && cmitogen_set_open_files(what->open_files_soft, what->open_files_hard) < 0) goto failed;
    child->stage = CMITOGEN_SPAWN_USER;
    if (entry && become(entry) < 0) goto failed;
    child->stage = CMITOGEN_SPAWN_DIRECTORY;
    if (what->directory && chdir(what->directory) < 0 && !entry) goto failed;
    child->stage = CMITOGEN_SPAWN_EXEC;
    errno = search_and_exec(what);
failed:
    child->error = errno;
    _exit(127);
}

// --- Into a container. A process that shares memory with this one must not get there: whoever may trace it there could
// read and write all of it. So a copy enters, and starts the program from there, as only children are in another PID
// namespace. They are this process's children, and the copy is gone at once.

struct report {
    pid_t pid;
    int stage, error;
};

struct helper {
    struct child *child;
    char *stack; // of the program, until it is executed
    int output;
};

static int enter(const struct cmitogen_entry *entry, int *stage) {
    *stage = CMITOGEN_SPAWN_USER;
    // Nobody in the container may look into this copy, which still has all that this process knows.
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || set_groups(0, NULL) < 0) return -1;
    for (int i = 0; i < CMITOGEN_NAMESPACE_COUNT; i++) {
        *stage = CMITOGEN_SPAWN_NAMESPACES + i;
        int fd = entry->container.namespaces[i];
        if (fd >= 0 && syscall(SYS_setns, fd, 0) < 0) return -1;
    }
    *stage = CMITOGEN_SPAWN_ROOT;
    return fchdir(entry->container.root) < 0 || chroot(".") < 0 || chdir("/") < 0 ? -1 : 0;
}

static int helper_main(void *argument) {
    struct helper *helper = argument;
    struct report report = { .pid = -1 };
    if (enter(helper->child->what->entry, &report.stage) < 0) {
        report.error = errno;
    } else {
        report.pid = clone(
            child_main, helper->stack, CLONE_VM | CLONE_VFORK | CLONE_PARENT | SIGCHLD, helper->child);
        report.error = report.pid < 0 ? errno : helper->child->error;
        report.stage = report.pid < 0 ? CMITOGEN_SPAWN_CLONE : helper->child->stage;
    }
    while (write(helper->output, &report, sizeof report) < 0 && errno == EINTR) {}
    _exit(0);
}

static void wait_for(pid_t pid) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
}

static pid_t spawn_inside(struct child *child, char *stacks, size_t stack_size, int *stage) {
    int pipe[2];
    int error = cmitogen_pipe(pipe, false);
    if (error < 0) return error;
    struct helper helper = { .child = child, .stack = stacks + stack_size, .output = pipe[1] };
    pid_t pid = clone(helper_main, stacks + 2 * stack_size, SIGCHLD, &helper);
    error = errno;
    close(pipe[1]);
    struct report report = { .pid = -1 };
    ssize_t count = pid < 0 ? 0 : cmitogen_read(pipe[0], &report, sizeof report);
    close(pipe[0]);
    if (pid < 0) return -error;
    wait_for(pid);
    if (count != sizeof report) return -ECHILD;
    if (report.error == 0) return report.pid;
    if (report.pid > 0) wait_for(report.pid);
    *stage = report.stage;
    return -report.error;
}

pid_t cmitogen_spawn(const struct cmitogen_spawn *what, int *stage) {
    const size_t stack_size = 64 * 1024, stacks_size = what->entry ? 2 * stack_size : stack_size;
    *stage = CMITOGEN_SPAWN_CLONE;
    struct child child = { .what = what, .null = -1 };
    void *stack = mmap(NULL, stacks_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return -errno;
    child.null = cmitogen_open_null();
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); // no handler of ours may run in the child
    // Shared memory and a suspended parent: as cheap as vfork whatever the size of this process, and the child can
    // report its errno by writing it down.
    pid_t pid = what->entry
        ? spawn_inside(&child, stack, stack_size, stage)
        : clone(child_main, (char *)stack + stack_size, CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
    int error = what->entry ? -pid : errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    munmap(stack, stacks_size);
    if (child.null >= 0) close(child.null);
    if (pid < 0) return -error;
    if (child.error == 0) return pid;
    if (what->guard) cmitogen_guard_tell(what->guard, -pid);
    wait_for(pid);
    *stage = child.stage;
    return -child.error;
}

int cmitogen_open_terminal(char *path, size_t capacity) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0) return -errno;
    struct termios settings;
    if (grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, path, capacity) == 0
        && tcgetattr(master, &settings) == 0) {
        cfmakeraw(&settings); // also for the other side: on Linux the two have their settings in common
        if (tcsetattr(master, TCSANOW, &settings) == 0 && cmitogen_set_nonblocking(master, true) == 0) return master;
    }
    int error = errno ? errno : EIO;
    close(master);
    return -error;
}

int cmitogen_pidfd_open(pid_t pid) {
#ifdef SYS_pidfd_open
    int fd = (int)syscall(SYS_pidfd_open, pid, 0); // close-on-exec by definition
    return fd < 0 ? -errno : cmitogen_above_standard(fd);
#else
    return -ENOSYS;
#endif
}

int cmitogen_reap(pid_t pid, int *status) {
    for (;;) {
        pid_t result = waitpid(pid, status, WNOHANG);
        if (result == pid) return 1;
        if (result == 0) return 0;
        if (errno != EINTR) return -errno;
    }
}

int cmitogen_reap_group(pid_t group) {
    for (;;) {
        pid_t result = waitpid(-group, NULL, WNOHANG);
        if (result >= 0) return result > 0;
        if (errno != EINTR) return -errno;
    }
}

int cmitogen_has_ended(pid_t pid) {
    siginfo_t information = { 0 };
    while (waitid(P_PID, (id_t)pid, &information, WEXITED | WNOHANG | WNOWAIT) < 0) {
        if (errno != EINTR) return -errno;
    }
    return information.si_pid == pid;
}

int cmitogen_status_code(int status, int *signal) {
    *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int cmitogen_raise_open_files(uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

int cmitogen_set_open_files(uint64_t soft, uint64_t hard) {
    struct rlimit limit = { .rlim_cur = soft, .rlim_max = hard };
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static int kept_count;
static char **kept_arguments;

#ifdef __GLIBC__
__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
    kept_count = argc;
    kept_arguments = argv;
}
#endif

int cmitogen_arguments(char ***arguments) {
    *arguments = kept_arguments;
    return kept_count;
}

void cmitogen_set_title(int argc, char **argv, const char *title) {
    prctl(PR_SET_NAME, title, 0, 0, 0); // the kernel keeps the first 15 bytes
    if (argc < 1 || !argv[0]) return;
    char *start = argv[0], *end = start + strlen(start) + 1;
    for (int i = 1; i < argc && argv[i] == end; i++) end += strlen(argv[i]) + 1;
    size_t room = (size_t)(end - start), length = strlen(title);
    if (length >= room) length = room - 1;
    memmove(start, title, length); // the title may lie in this very area
    memset(start + length, 0, room - length);
}

void cmitogen_ignore_sigpipe(void) {
    signal(SIGPIPE, SIG_IGN);
}

void cmitogen_configure_allocator(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 16 << 20);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
    if (!getenv("MALLOC_ARENA_MAX") && !getenv("GLIBC_TUNABLES")) mallopt(M_ARENA_MAX, 2);
#endif
}

void cmitogen_flush_output(void) {
    if (ftrylockfile(stdout) != 0) return; // somebody prints just now, and may be held up by the full pipe
    struct pollfd output = { .fd = STDOUT_FILENO, .events = POLLOUT };
    if (poll(&output, 1, 0) == 1 && output.revents & POLLOUT) fflush_unlocked(stdout);
    funlockfile(stdout);
}

void cmitogen_line_buffer_output(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
}

char **cmitogen_environment(void) {
    return environ;
}

int cmitogen_signal_descriptor(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error) return -error;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : cmitogen_above_standard(fd);
}

int cmitogen_signal_read(int fd) {
    struct signalfd_siginfo information;
    ssize_t count = cmitogen_read(fd, &information, sizeof information);
    return count == sizeof information ? (int)information.ssi_signo : 0;
}

static _Atomic int signal_descriptor = -1;

static void on_watched_signal(int number) {
    (void)number;
    int saved = errno;
    char byte = 's';
    int fd = signal_descriptor;
    if (fd >= 0 && write(fd, &byte, 1) < 0) { } // there is nobody to tell
    errno = saved;
}

int cmitogen_signal_watch(int number, int fd) {
    struct sigaction old, new = { .sa_handler = on_watched_signal, .sa_flags = SA_RESTART };
    if (sigaction(number, NULL, &old) < 0) return -errno;
    if (old.sa_handler != SIG_DFL && old.sa_handler != on_watched_signal) return -EEXIST;
    signal_descriptor = fd;
    return sigaction(number, &new, NULL) < 0 ? -errno : 0;
}

void cmitogen_signal_unwatch(int number) {
    struct sigaction standard = { .sa_handler = SIG_DFL };
    sigaction(number, &standard, NULL);
    signal_descriptor = -1;
}

void cmitogen_local_time(char *text, size_t capacity, bool is_for_name) {
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t length = strftime(text, capacity, is_for_name ? "%Y%m%d_%H%M%S" : "%H:%M:%S", &local);
    if (!is_for_name) snprintf(text + length, capacity - length, ".%06ld", now.tv_nsec / 1000);
}

int64_t cmitogen_data_memory(void) {
    FILE *file = fopen("/proc/self/status", "re");
    if (!file) return -errno;
    char line[128];
    long long kibibytes = -1;
    while (fgets(line, sizeof line, file) && sscanf(line, "VmData: %lld", &kibibytes) != 1) {}
    fclose(file);
    return kibibytes < 0 ? -EINVAL : kibibytes * 1024;
}

int64_t cmitogen_allocated_memory(void) {
#ifdef __GLIBC__ // a line of its own: the preprocessor reads all of a condition, and musl has no such macro
#if __GLIBC_PREREQ(2, 33)
    struct mallinfo2 known = mallinfo2();
    return (int64_t)(known.uordblks + known.hblkhd);
#endif
#endif
    return -1;
}

int64_t cmitogen_resident_memory(void) {
    long total, resident;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return -errno;
    int count = fscanf(file, "%ld %ld", &total, &resident);
    fclose(file);
    return count == 2 ? (int64_t)resident * sysconf(_SC_PAGESIZE) : -EINVAL;
}

static bool describe_thread(int id, struct cmitogen_thread_info *thread) {
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    bool is_read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    char *name = is_read ? strchr(line, '(') : NULL, *end = is_read ? strrchr(line, ')') : NULL;
    unsigned long user, system;
    if (!name || !end || end < name) return false;
    if (sscanf(end + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &thread->state, &user, &system) != 3) return false;
    thread->id = id;
    thread->processor_milliseconds = (int64_t)((user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
    size_t length = (size_t)(end - name - 1);
    if (length >= sizeof thread->name) length = sizeof thread->name - 1;
    memset(thread->name, 0, sizeof thread->name);
    memcpy(thread->name, name + 1, length);
    return true;
}

enum cmitogen_thread_wait cmitogen_thread_waits(int32_t id) {
    struct cmitogen_thread_info thread;
    if (!describe_thread(id, &thread)) return CMITOGEN_THREAD_SLEEPS;
    if (thread.state == 'R') return CMITOGEN_THREAD_RUNS;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)id);
    FILE *file = fopen(path, "re");
    if (!file) return CMITOGEN_THREAD_SLEEPS;
    long number;
    unsigned long address, operation;
    int count = fscanf(file, "%ld %lx %lx", &number, &address, &operation);
    fclose(file);
    if (count != 3) return CMITOGEN_THREAD_RUNS; // "running": it has been woken since
    // A lock of the kind that Swift's Mutex is.
    bool is_lock = number == SYS_futex && (operation & FUTEX_CMD_MASK) == FUTEX_LOCK_PI;
    return is_lock ? CMITOGEN_THREAD_LOCKS : CMITOGEN_THREAD_SLEEPS;
}

int cmitogen_list_threads(struct cmitogen_thread_info *threads, int capacity) {
    DIR *directory = opendir("/proc/self/task");
    if (!directory) return 0;
    int count = 0;
    struct dirent *entry;
    while (count < capacity && (entry = readdir(directory))) {
        int id = atoi(entry->d_name);
        if (id > 0 && describe_thread(id, &threads[count])) count++;
    }
    closedir(directory);
    return count;
}

int64_t cmitogen_private_memory(pid_t pid) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return -errno;
    int64_t total = 0;
    long value;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "Private_Clean: %ld", &value) == 1 || sscanf(line, "Private_Dirty: %ld", &value) == 1) total += value;
    }
    fclose(file);
    return total;
}

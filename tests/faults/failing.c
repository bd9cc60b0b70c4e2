/* A disk that fails when it is told to: preloaded, it stands before the calls of the C library
   that change files, and counts those on paths below one folder. From faults_arm on, the n-th
   of them fails, or is the last thing that the process does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PASS, FAIL_ONCE, FAIL_ON, KILL_BEFORE, KILL_TORN, KILL_AFTER };

static char root[PATH_MAX];
static size_t root_length;
static long wanted, calls;
static int action, error_number, report_to = -1;

#define NEXT(result, name, ...)                                                                  \
    static result (*next)(__VA_ARGS__);                                                          \
    if (!next) next = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

void faults_arm(const char *folder, long n, int what, int error, int report) {
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    wanted = n, calls = 0, action = what, error_number = error, report_to = report;
}

void faults_disarm(void) { root_length = 0; }

long faults_calls(void) { return __atomic_load_n(&calls, __ATOMIC_SEQ_CST); }

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* The path is reported in one write, so that the reader has it before the process is gone. */
static void report(const char *call, const char *path) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    if (report_to >= 0 && next(report_to, line, length) < 0) die();
}

/* What is to be done at this call. Removing frees space: a full disk does not refuse it. */
static int decide(const char *call, const char *path, int removes) {
    if (!root_length || strncmp(path, root, root_length)) return PASS;
    if (removes && action <= FAIL_ON) return PASS;
    long n = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    if (n != wanted && !(action == FAIL_ON && n > wanted)) return PASS;
    if (action != PASS && n == wanted) report(call, path);
    if (action == KILL_BEFORE) die();
    return action;
}

static int decide_fd(const char *call, int fd) {
    char link[64], path[PATH_MAX];
    if (!root_length) return PASS;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return PASS;
    path[length] = 0;
    return decide(call, path, 0);
}

static int decide_at(const char *call, int folder, const char *name, int removes) {
    char link[64], path[2 * PATH_MAX];
    if (!root_length) return PASS;
    if (name[0] == '/') return decide(call, name, removes);
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return PASS;
    snprintf(path + length, sizeof path - length, "/%s", name);
    return decide(call, path, removes);
}

static int fails(int what) {
    if (what != FAIL_ONCE && what != FAIL_ON) return 0;
    errno = error_number;
    return 1;
}

#define AFTER(what, result)                                                                      \
    do {                                                                                         \
        if ((what) == KILL_AFTER || (what) == KILL_TORN) die();                                  \
        return result;                                                                           \
    } while (0)

/* A full disk takes what still fits: half of the bytes. */
#define PART(what, n) ((what) == KILL_TORN || (what) == FAIL_ON ? ((n) + 1) / 2 : (n))

ssize_t write(int fd, const void *bytes, size_t n) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    int what = decide_fd("write", fd);
    if (fails(what) && (what == FAIL_ONCE || calls > wanted || n < 2)) return -1;
    ssize_t done = next(fd, bytes, PART(what, n));
    AFTER(what, done);
}

static ssize_t at_place(const char *name, int fd, const void *bytes, size_t n, off_t place) {
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off_t);
    int what = decide_fd(name, fd);
    if (fails(what) && (what == FAIL_ONCE || calls > wanted || n < 2)) return -1;
    ssize_t done = next(fd, bytes, PART(what, n), place);
    AFTER(what, done);
}

ssize_t pwrite(int fd, const void *b, size_t n, off_t p) { return at_place("pwrite", fd, b, n, p); }
ssize_t pwrite64(int fd, const void *b, size_t n, off_t p) {
    return at_place("pwrite", fd, b, n, p);
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    NEXT(ssize_t, "writev", int, const struct iovec *, int);
    int what = decide_fd("writev", fd);
    if (fails(what)) return -1;
    ssize_t done = next(fd, parts, what == KILL_TORN ? 1 : n);
    AFTER(what, done);
}

ssize_t sendfile(int out, int in, off_t *place, size_t n) {
    NEXT(ssize_t, "sendfile", int, int, off_t *, size_t);
    int what = decide_fd("sendfile", out);
    if (fails(what)) return -1;
    ssize_t done = next(out, in, place, PART(what, n));
    AFTER(what, done);
}

ssize_t sendfile64(int out, int in, off_t *place, size_t n) { return sendfile(out, in, place, n); }

ssize_t copy_file_range(int in, off_t *from, int out, off_t *to, size_t n, unsigned flags) {
    NEXT(ssize_t, "copy_file_range", int, off_t *, int, off_t *, size_t, unsigned);
    int what = decide_fd("copy_file_range", out);
    if (fails(what)) return -1;
    ssize_t done = next(in, from, out, to, PART(what, n), flags);
    AFTER(what, done);
}

size_t fwrite(const void *items, size_t size, size_t n, FILE *file) {
    NEXT(size_t, "fwrite", const void *, size_t, size_t, FILE *);
    int what = decide_fd("fwrite", fileno(file));
    if (fails(what)) return 0;
    size_t done = next(items, size, PART(what, n), file);
    if (what == KILL_TORN || what == KILL_AFTER) fflush(file);
    AFTER(what, done);
}

int fclose(FILE *file) {
    NEXT(int, "fclose", FILE *);
    int what = decide_fd("fclose", fileno(file));
    int done = next(file);
    if (fails(what)) return EOF;
    AFTER(what, done);
}

#define ON_FD(name, types, ...)                                                                  \
    int name types {                                                                             \
        NEXT(int, #name, int ON_FD_TYPES_##name);                                                \
        int what = decide_fd(#name, fd);                                                         \
        if (fails(what)) return -1;                                                              \
        int done = next(__VA_ARGS__);                                                            \
        AFTER(what, done);                                                                       \
    }
#define ON_FD_TYPES_fsync
#define ON_FD_TYPES_fdatasync
#define ON_FD_TYPES_ftruncate , off_t
#define ON_FD_TYPES_ftruncate64 , off_t
#define ON_FD_TYPES_fallocate , int, off_t, off_t
#define ON_FD_TYPES_fallocate64 , int, off_t, off_t

ON_FD(fsync, (int fd), fd)
ON_FD(fdatasync, (int fd), fd)
ON_FD(ftruncate, (int fd, off_t size), fd, size)
ON_FD(ftruncate64, (int fd, off_t size), fd, size)
ON_FD(fallocate, (int fd, int mode, off_t place, off_t size), fd, mode, place, size)
ON_FD(fallocate64, (int fd, int mode, off_t place, off_t size), fd, mode, place, size)

static int reserved(int fd, off_t place, off_t size) {
    NEXT(int, "posix_fallocate64", int, off_t, off_t);
    int what = decide_fd("posix_fallocate", fd);
    if (fails(what)) return error_number;
    int done = next(fd, place, size);
    AFTER(what, done);
}

int posix_fallocate(int fd, off_t place, off_t size) { return reserved(fd, place, size); }
int posix_fallocate64(int fd, off_t place, off_t size) { return reserved(fd, place, size); }

static int opened(int folder, const char *name, int flags, mode_t mode) {
    NEXT(int, "openat64", int, const char *, int, ...);
    int what = flags & O_CREAT ? decide_at("create", folder, name, 0) : PASS;
    if (fails(what)) return -1;
    int done = next(folder, name, flags, mode);
    AFTER(what, done);
}

#define MODE_OF(flags)                                                                           \
    mode_t mode = 0;                                                                             \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                     \
        va_list rest;                                                                            \
        va_start(rest, flags);                                                                   \
        mode = va_arg(rest, mode_t);                                                             \
        va_end(rest);                                                                            \
    }

int open(const char *name, int flags, ...) {
    MODE_OF(flags)
    return opened(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...) {
    MODE_OF(flags)
    return opened(AT_FDCWD, name, flags, mode);
}

int openat(int folder, const char *name, int flags, ...) {
    MODE_OF(flags)
    return opened(folder, name, flags, mode);
}

int openat64(int folder, const char *name, int flags, ...) {
    MODE_OF(flags)
    return opened(folder, name, flags, mode);
}

static FILE *opened_stream(const char *name, const char *mode) {
    NEXT(FILE *, "fopen64", const char *, const char *);
    int what = strchr(mode, 'w') || strchr(mode, 'a') ? decide_at("create", AT_FDCWD, name, 0) : 0;
    if (fails(what)) return NULL;
    FILE *done = next(name, mode);
    AFTER(what, done);
}

FILE *fopen(const char *name, const char *mode) { return opened_stream(name, mode); }
FILE *fopen64(const char *name, const char *mode) { return opened_stream(name, mode); }

/* Renames count by where they lead. */
int rename(const char *old, const char *new) {
    NEXT(int, "rename", const char *, const char *);
    int what = decide_at("rename", AT_FDCWD, new, 0);
    if (fails(what)) return -1;
    int done = next(old, new);
    AFTER(what, done);
}

int renameat(int from, const char *old, int to, const char *new) {
    NEXT(int, "renameat", int, const char *, int, const char *);
    int what = decide_at("rename", to, new, 0);
    if (fails(what)) return -1;
    int done = next(from, old, to, new);
    AFTER(what, done);
}

int link(const char *old, const char *new) {
    NEXT(int, "link", const char *, const char *);
    int what = decide_at("link", AT_FDCWD, new, 0);
    if (fails(what)) return -1;
    int done = next(old, new);
    AFTER(what, done);
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
    NEXT(int, "linkat", int, const char *, int, const char *, int);
    int what = decide_at("link", to, new, 0);
    if (fails(what)) return -1;
    int done = next(from, old, to, new, flags);
    AFTER(what, done);
}

int mkdir(const char *name, mode_t mode) {
    NEXT(int, "mkdir", const char *, mode_t);
    int what = decide_at("mkdir", AT_FDCWD, name, 0);
    if (fails(what)) return -1;
    int done = next(name, mode);
    AFTER(what, done);
}

int mkdirat(int folder, const char *name, mode_t mode) {
    NEXT(int, "mkdirat", int, const char *, mode_t);
    int what = decide_at("mkdir", folder, name, 0);
    if (fails(what)) return -1;
    int done = next(folder, name, mode);
    AFTER(what, done);
}

int unlink(const char *name) {
    NEXT(int, "unlink", const char *);
    int what = decide_at("unlink", AT_FDCWD, name, 1);
    int done = next(name);
    AFTER(what, done);
}

int unlinkat(int folder, const char *name, int flags) {
    NEXT(int, "unlinkat", int, const char *, int);
    int what = decide_at("unlink", folder, name, 1);
    int done = next(folder, name, flags);
    AFTER(what, done);
}

int rmdir(const char *name) {
    NEXT(int, "rmdir", const char *);
    int what = decide_at("rmdir", AT_FDCWD, name, 1);
    int done = next(name);
    AFTER(what, done);
}

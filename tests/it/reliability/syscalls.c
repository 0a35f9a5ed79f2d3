/* Sees every system call by which a process changes the files of one folder: records it, or makes it fail.
 *
 * Loaded with LD_PRELOAD. A seccomp filter turns the calls below into signals, so that those are seen too which a
 * program makes without the C library. The handler makes the call itself, from the one place that the filter lets
 * pass, and writes what happened to the file $FACEVAULT_TRACE: see `trace.rs`. Writes to the file
 * $FACEVAULT_CONTROL are commands:
 *
 *   mark TEXT                  notes the text in the trace
 *   root FOLDER                from now on the files in this folder are meant, and none is known yet
 *   arm KIND N ERRNO MODE      the N-th call of a kind fails: `once`, `on` (and all after it), or `short` (it
 *                              writes half of what it should, once)
 *   disarm                     ends that; the control file then says whether it failed, and how many calls there were
 *
 * What a file holds beforehand is not known: a program makes its files after it has named the folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#if !defined(__linux__) || !defined(__x86_64__)
#error "only for Linux on x86-64"
#endif

enum { CREATE = 1, WRITE, TRUNCATE, SYNC, SYNC_FOLDER, RENAME, LINK, UNLINK, MARK, FAILED, SYNC_FAILED, UNKNOWN };

/* The one place from which calls pass. */
extern const char pass_start[], pass_end[];
long pass(long number, long a, long b, long c, long d, long e, long f);
__asm__(".text\n"
        ".hidden pass_start\n.hidden pass_end\n.hidden pass\n"
        ".globl pass_start\n.globl pass_end\n.globl pass\n"
        "pass_start:\n"
        "pass:\n"
        "mov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\nmov %rcx, %rdx\n"
        "mov %r8, %r10\nmov %r9, %r8\nmov 8(%rsp), %r9\n"
        "syscall\n"
        "pass_end:\n"
        "ret\n");

static struct {
    dev_t device;
    ino_t inode;
    uint32_t number;
    int is_shm;
} files[4096];
static uint32_t known, made;

static char root[1024];
static size_t root_length;
static struct stat root_folder, control_file;
static int trace = -1, control = -1;

static struct {
    char kind[16];
    long nth, calls, fired;
    int error, on, half;
} fault;

static volatile char locked;

static void lock(void) {
    while (__atomic_test_and_set(&locked, __ATOMIC_ACQUIRE)) pass(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

static void unlock(void) { __atomic_clear(&locked, __ATOMIC_RELEASE); }

static _Noreturn void give_up(const char *why) {
    pass(SYS_write, 2, (long)why, strlen(why), 0, 0, 0);
    pass(SYS_exit_group, 99, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}

static void record(uint32_t kind, uint32_t file, uint64_t offset, const void *payload, uint64_t length) {
    struct { uint32_t kind, file; uint64_t offset, length; } head = {kind, file, offset, length};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)payload, length}};
    long whole = sizeof head + length;
    if (pass(SYS_writev, trace, (long)parts, 2, 0, 0, 0) != whole) give_up("the trace cannot be written\n");
}

static void record_text(uint32_t kind, uint32_t file, const char *text) { record(kind, file, 0, text, strlen(text)); }

/* The name of a path that lies in the folder. */
static const char *below(const char *path) {
    if (!root_length || strncmp(path, root, root_length) || path[root_length] != '/') return NULL;
    const char *name = path + root_length + 1;
    return *name && !strchr(name, '/') ? name : NULL;
}

static int number_of(long fd) {
    struct stat found;
    if (pass(SYS_fstat, fd, (long)&found, 0, 0, 0, 0)) return -1;
    for (uint32_t i = known; i-- > 0;)
        if (files[i].inode == found.st_ino && files[i].device == found.st_dev) return (int)i;
    return -1;
}

static int is(long fd, const struct stat *what) {
    struct stat found;
    return !pass(SYS_fstat, fd, (long)&found, 0, 0, 0, 0) && found.st_ino == what->st_ino && found.st_dev == what->st_dev;
}

/* Whether this call of a kind is one that has to fail. */
static int fails(const char *kind, const char *name) {
    if (strcmp(fault.kind, kind) && !(!strcmp(fault.kind, "disk") && strcmp(kind, "read") && strcmp(kind, "lock")))
        return 0;
    fault.calls++;
    if (fault.on ? fault.calls < fault.nth : fault.calls != fault.nth) return 0;
    fault.fired++;
    char text[256];
    snprintf(text, sizeof text, "%s %ld of %s: %s", kind, fault.calls, name, fault.half ? "short" : strerrorname_np(fault.error));
    record_text(FAILED, 0, text);
    return 1;
}

static void command(const char *bytes, size_t length) {
    char text[2048];
    if (length >= sizeof text) give_up("a command is too long\n");
    memcpy(text, bytes, length);
    text[length] = 0;
    char mode[16] = "", answer[64];
    if (!strncmp(text, "mark ", 5)) {
        record_text(MARK, 0, text + 5);
    } else if (!strncmp(text, "root ", 5)) {
        root_length = strlen(text + 5);
        memcpy(root, text + 5, root_length + 1);
        known = 0;
        if (pass(SYS_stat, (long)root, (long)&root_folder, 0, 0, 0, 0)) give_up("there is no such root\n");
    } else if (!strncmp(text, "arm ", 4)) {
        memset(&fault, 0, sizeof fault);
        if (sscanf(text, "arm %15s %ld %d %15s", fault.kind, &fault.nth, &fault.error, mode) != 4) give_up(text);
        fault.on = !strcmp(mode, "on");
        fault.half = !strcmp(mode, "short");
    } else if (!strcmp(text, "disarm")) {
        int size = snprintf(answer, sizeof answer, "%ld %ld", fault.fired, fault.calls);
        memset(&fault, 0, sizeof fault);
        pass(SYS_ftruncate, control, 0, 0, 0, 0, 0);
        pass(SYS_pwrite64, control, (long)answer, size, 0, 0, 0);
    } else {
        give_up(text);
    }
}

static const char *label(int file) { return files[file].is_shm ? "-shm" : "a file"; }

static long opened(long number, long *a) {
    const char *path = (const char *)(number == SYS_openat ? a[1] : a[0]);
    long flags = number == SYS_openat ? a[2] : a[1];
    const char *name = below(path);
    if (!name) return pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (fails("open", name)) return -fault.error;
    struct stat found;
    int is_new = (flags & O_CREAT) && pass(SYS_lstat, (long)path, (long)&found, 0, 0, 0, 0) == -ENOENT;
    long fd = pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (fd < 0) return fd;
    if (is_new) {
        if (pass(SYS_fstat, fd, (long)&found, 0, 0, 0, 0) || known == 4096) give_up("too many files\n");
        size_t length = strlen(name);
        files[known].device = found.st_dev;
        files[known].inode = found.st_ino;
        files[known].is_shm = length > 4 && !strcmp(name + length - 4, "-shm");
        files[known].number = made++;
        if (!files[known].is_shm) record_text(CREATE, files[known].number, name);
        known++;
    } else if (flags & O_TRUNC) {
        int file = number_of(fd);
        if (file >= 0 && !files[file].is_shm) record(TRUNCATE, files[file].number, 0, "", 0);
    }
    return fd;
}

static long written(long number, long *a) {
    if (control >= 0 && is(a[0], &control_file)) {
        if (number != SYS_write) give_up("commands are written at once\n");
        command((const char *)a[1], a[2]);
        return a[2];
    }
    int file = number_of(a[0]);
    if (file < 0) return pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    long count = a[2];
    if (fails(files[file].is_shm ? "shm" : "write", label(file))) {
        if (!fault.half || count < 2 || (number != SYS_write && number != SYS_pwrite64)) return -fault.error;
        count /= 2;
    }
    uint64_t offset = a[3];
    if (number == SYS_write || number == SYS_writev) offset = pass(SYS_lseek, a[0], 0, SEEK_CUR, 0, 0, 0);
    long result = pass(number, a[0], a[1], count, a[3], a[4], a[5]);
    if (result <= 0 || files[file].is_shm) return result;
    if (number == SYS_write || number == SYS_pwrite64) {
        record(WRITE, files[file].number, offset, (const void *)a[1], result);
        return result;
    }
    const struct iovec *parts = (const struct iovec *)a[1];
    long left = result;
    for (long i = 0; i < a[2] && left > 0; i++) {
        long size = (long)parts[i].iov_len < left ? (long)parts[i].iov_len : left;
        record(WRITE, files[file].number, offset, parts[i].iov_base, size);
        offset += size;
        left -= size;
    }
    return result;
}

static long read_from(long number, long *a) {
    int file = fault.kind[0] ? number_of(a[0]) : -1;
    if (file >= 0 && fails("read", label(file))) return -fault.error;
    return pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static long cut(long number, long *a) {
    int file = number_of(a[0]);
    if (file >= 0 && fails(files[file].is_shm ? "shm" : "truncate", label(file))) return -fault.error;
    long result = pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result == 0 && file >= 0 && !files[file].is_shm) record(TRUNCATE, files[file].number, a[1], "", 0);
    return result;
}

static long synced(long number, long *a) {
    if (is(a[0], &root_folder)) {
        if (fails("folder", "the folder")) return -fault.error;
        long result = pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (result == 0) record(SYNC_FOLDER, 0, 0, "", 0);
        return result;
    }
    int file = number_of(a[0]);
    if (file < 0) return pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (fails("sync", label(file))) {
        record(SYNC_FAILED, files[file].number, 0, "", 0);
        return -fault.error;
    }
    long result = pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (!files[file].is_shm) record(result == 0 ? SYNC : SYNC_FAILED, files[file].number, 0, "", 0);
    return result;
}

static long named(long number, long *a) {
    const char *from, *to = NULL;
    uint32_t kind = RENAME;
    switch (number) {
    case SYS_rename: from = (const char *)a[0], to = (const char *)a[1]; break;
    case SYS_link: from = (const char *)a[0], to = (const char *)a[1], kind = LINK; break;
    case SYS_linkat: from = (const char *)a[1], to = (const char *)a[3], kind = LINK; break;
    case SYS_unlink: from = (const char *)a[0], kind = UNLINK; break;
    case SYS_unlinkat: from = (const char *)a[1], kind = UNLINK; break;
    default: from = (const char *)a[1], to = (const char *)a[3];
    }
    const char *old = below(from), *new = to ? below(to) : NULL;
    if (!old && !new) return pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (!old || (to && !new)) give_up("a file comes from another folder, or goes there\n");
    if (fails(kind == UNLINK ? "unlink" : "rename", old)) return -fault.error;
    long result = pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result == 0) {
        char names[1024];
        int size = snprintf(names, sizeof names, "%s%c%s", old, 0, new ? new : "");
        record(kind, 0, 0, names, size);
    }
    return result;
}

static long locks(long number, long *a) {
    if (a[1] == F_SETLK || a[1] == F_SETLKW || a[1] == F_OFD_SETLK) {
        int file = fault.kind[0] ? number_of(a[0]) : -1;
        /* What unlocks does not fail. */
        if (file >= 0 && ((struct flock *)a[2])->l_type != F_UNLCK && fails("lock", label(file))) return -fault.error;
    }
    return pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static long mapped(long number, long *a) {
    int file = (a[3] & MAP_SHARED) && !(a[3] & MAP_ANONYMOUS) ? number_of(a[4]) : -1;
    if (file >= 0 && fails("shm", label(file))) return -fault.error;
    if (file >= 0 && !files[file].is_shm && (a[2] & PROT_WRITE)) record_text(UNKNOWN, files[file].number, "mmap");
    return pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* A change that the trace cannot tell. */
static long untold(long number, long *a, long fd, const char *name) {
    int file = number_of(fd);
    if (file >= 0 && !files[file].is_shm) record_text(UNKNOWN, files[file].number, name);
    return pass(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static long seen(long number, long *a) {
    switch (number) {
    case SYS_open: case SYS_openat: case SYS_creat: return opened(number, a);
    case SYS_write: case SYS_pwrite64: case SYS_writev: case SYS_pwritev: return written(number, a);
    case SYS_read: case SYS_pread64: return read_from(number, a);
    case SYS_ftruncate: return cut(number, a);
    case SYS_fsync: case SYS_fdatasync: return synced(number, a);
    case SYS_fcntl: return locks(number, a);
    case SYS_mmap: return mapped(number, a);
    case SYS_pwritev2: return untold(number, a, a[0], "pwritev2");
    case SYS_fallocate: return untold(number, a, a[0], "fallocate");
    case SYS_copy_file_range: return untold(number, a, a[2], "copy_file_range");
    case SYS_sendfile: return untold(number, a, a[0], "sendfile");
    default: return named(number, a);
    }
}

static const int trapped[] = {
    SYS_open, SYS_openat, SYS_creat, SYS_write, SYS_pwrite64, SYS_writev, SYS_pwritev, SYS_read, SYS_pread64,
    SYS_ftruncate, SYS_fsync, SYS_fdatasync, SYS_fcntl, SYS_mmap, SYS_pwritev2, SYS_fallocate, SYS_copy_file_range,
    SYS_sendfile, SYS_rename, SYS_renameat, SYS_renameat2, SYS_link, SYS_linkat, SYS_unlink, SYS_unlinkat,
};
enum { CALLS = sizeof trapped / sizeof *trapped };

static void on_signal(int signal, siginfo_t *information, void *context) {
    (void)signal, (void)information;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    long a[6] = {registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                 registers[REG_R10], registers[REG_R8], registers[REG_R9]};
    long number = registers[REG_RAX];
    lock();
    registers[REG_RAX] = seen(number, a);
    unlock();
}

__attribute__((constructor)) static void begin(void) {
    const char *to = getenv("FACEVAULT_TRACE"), *commands = getenv("FACEVAULT_CONTROL");
    if (!to || !commands) return;
    trace = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    control = open(commands, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (trace < 0 || control < 0 || fstat(control, &control_file)) give_up("trace or control cannot be opened\n");

    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSYS, &action, NULL);

    /* Pass what comes from `pass`, trap the calls of the list, let all others go. */
    struct sock_filter filter[CALLS + 8];
    int n = 0;
    const uint64_t start = (uintptr_t)pass_start, end = (uintptr_t)pass_end;
    if (start >> 32 != end >> 32) give_up("the place that passes is cut in two\n");
    const uint32_t low = offsetof(struct seccomp_data, instruction_pointer);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low + 4);
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(start >> 32), 0, 3);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low);
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)start, 0, 1);
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)end, 0, CALLS + 1);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALLS; i++, n++)
        filter[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)trapped[i], CALLS - i, 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog program = {n, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
        give_up("the system takes no filter\n");
}

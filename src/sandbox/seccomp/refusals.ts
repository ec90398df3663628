/** An error number of Linux, the same on every processor that a filter is made for; `done` stands for success. */
export const results = {
  done: 0,
  EPERM: 1,
  EINVAL: 22,
  ENOSPC: 28,
  ENOLCK: 37,
  ENOSYS: 38,
  EOPNOTSUPP: 95,
} as const;
export type Result = keyof typeof results;

/** Which processors' numbers a call has, from linux/asm/unistd_64.h and asm-generic/unistd.h. */
export interface Numbers {
  x64: number | null;
  arm64: number | null;
}

/** When a refusal applies; only the lower half of an argument is looked at unless `above` is asked. */
export type Condition =
  | { argument: number; anyOf: readonly number[] }
  | { argument: number; noneOf: readonly number[] }
  | { argument: number; hasAnyBitOf: number }
  | { argument: number; above: number };

export interface Refusal extends Numbers {
  call: string;
  /** What the program is told. */
  result: Result;
  /** Absent: always. */
  when?: Condition;
}

const call = (name: string, x64: number | null, arm64: number | null, result: Result, when?: Condition) =>
  ({ call: name, x64, arm64, result, ...(when ? { when } : {}) }) satisfies Refusal;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const newNamespaces = 0x7e020000;
/** CLONE_NEWTIME; in `clone` these bits hold the signal. */
const newTime = 0x80;

/**
 * What no run may ask of the kernel. Where programs have another way on older kernels they are told that the call does
 * not exist (ENOSYS); where a refusal is the usual answer to people without rights, they get that (EPERM).
 *
 * `ptrace` and `process_vm_readv` are not here: a run reaches its own processes alone, and debuggers, sanitizers and
 * profilers need them.
 */
export const always: readonly Refusal[] = [
  // The login session's keyring is inherited: the user's keys, and a place for notes that outlives a run.
  call("add_key", 248, 217, "ENOSYS"),
  call("request_key", 249, 218, "ENOSYS"),
  call("keyctl", 250, 219, "ENOSYS"),
  // Wide and young surfaces of the kernel.
  call("io_uring_setup", 425, 425, "ENOSYS"),
  call("io_uring_enter", 426, 426, "ENOSYS"),
  call("io_uring_register", 427, 427, "ENOSYS"),
  call("userfaultfd", 323, 282, "EPERM"),
  call("bpf", 321, 280, "EPERM"),
  call("perf_event_open", 298, 241, "EPERM"),
  call("fanotify_init", 300, 262, "ENOSYS"),
  call("fanotify_mark", 301, 263, "ENOSYS"),
  call("open_by_handle_at", 304, 265, "EPERM"),
  // Namespaces of its own would bring rights back, and file systems in memory that nobody counts. The flags of `clone3`
  // lie in memory, where no filter sees them: C libraries fall back to `clone`.
  call("clone", 56, 220, "EPERM", { argument: 0, hasAnyBitOf: newNamespaces }),
  call("clone3", 435, 435, "ENOSYS"),
  call("unshare", 272, 97, "EPERM", { argument: 0, hasAnyBitOf: newNamespaces | newTime }),
  call("setns", 308, 268, "EPERM"),
  call("mount", 165, 40, "EPERM"),
  call("umount2", 166, 39, "EPERM"),
  call("pivot_root", 155, 41, "EPERM"),
  call("open_tree", 428, 428, "EPERM"),
  call("move_mount", 429, 429, "EPERM"),
  call("fsopen", 430, 430, "EPERM"),
  call("fsconfig", 431, 431, "EPERM"),
  call("fsmount", 432, 432, "EPERM"),
  call("fspick", 433, 433, "EPERM"),
  call("mount_setattr", 442, 442, "EPERM"),
  // What only an administrator does.
  call("kexec_load", 246, 104, "EPERM"),
  call("kexec_file_load", 320, 294, "EPERM"),
  call("init_module", 175, 105, "EPERM"),
  call("finit_module", 313, 273, "EPERM"),
  call("delete_module", 176, 106, "EPERM"),
  call("reboot", 169, 142, "EPERM"),
  call("swapon", 167, 224, "EPERM"),
  call("swapoff", 168, 225, "EPERM"),
  call("acct", 163, 89, "EPERM"),
  call("settimeofday", 164, 170, "EPERM"),
  call("clock_settime", 227, 112, "EPERM"),
  call("syslog", 103, 116, "EPERM"),
  call("vhangup", 153, 58, "EPERM"),
  call("quotactl", 179, 60, "EPERM"),
  call("quotactl_fd", 443, 443, "EPERM"),
  call("iopl", 172, null, "EPERM"),
  call("ioperm", 173, null, "EPERM"),
  // Typing into the terminal: TIOCSTI, and TIOCLINUX of the console.
  call("ioctl", 16, 29, "EPERM", { argument: 1, anyOf: [0x5412, 0x541c] }),
  // Linux, its own query, 32-bit addresses, no random addresses (setarch -R), old version numbers; nothing else.
  call("personality", 135, 92, "EPERM", { argument: 0, noneOf: [0, 0xffffffff, 8, 0x40000, 0x20000] }),
  // Leases, delegations and dnotify tell who else has a file open: F_SETLEASE, F_NOTIFY, F_GETDELEG, F_SETDELEG.
  call("fcntl", 72, 25, "EINVAL", { argument: 1, anyOf: [1024, 1026, 1039, 1040] }),
  // Which files are in the page cache, and throwing them out of it, is what other runs feel. Advice may be passed over:
  // POSIX_FADV_DONTNEED, MADV_COLD, MADV_PAGEOUT, RWF_NOWAIT.
  call("fadvise64", 221, 223, "done", { argument: 3, anyOf: [4] }),
  call("madvise", 28, 233, "done", { argument: 2, anyOf: [20, 21] }),
  call("process_madvise", 440, 440, "EPERM"),
  call("mincore", 27, 232, "ENOSYS"),
  call("cachestat", 451, 451, "ENOSYS"),
  call("preadv2", 327, 286, "EOPNOTSUPP", { argument: 5, hasAnyBitOf: 8 }),
  // Memory that is counted nowhere. A segment of System V of one page is enough for those that use it as a lock.
  call("memfd_secret", 447, 447, "ENOSYS"),
  call("shmget", 29, 194, "ENOSPC", { argument: 1, above: 4096 }),
];

/**
 * What processes are refused besides that are not to know of each other, such as the copies of `answer`: locks on files
 * that both see, and news of what others do with them. A lock is granted without being taken, so that programs that
 * lock their own files work; it keeps processes of the same copy apart no more.
 */
export const apart: readonly Refusal[] = [
  call("flock", 73, 32, "done"),
  // F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW. To ask for locks stays possible: SQLite needs it, and these hold none.
  call("fcntl", 72, 25, "done", { argument: 1, anyOf: [6, 7, 37, 38] }),
  call("inotify_init", 253, null, "ENOSYS"),
  call("inotify_init1", 294, 26, "ENOSYS"),
  call("inotify_add_watch", 254, 27, "ENOSYS"),
];

/** What a run is refused that has only some of the machine's processors: to choose others is passed over. */
export const pinned: readonly Refusal[] = [call("sched_setaffinity", 203, 122, "done")];

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { findGroupPlace, groupPlaces, usedOf1, usedOf2 } from "./groups.ts";
import { type Limits, openSandbox } from "./index.ts";
import { mappedIn } from "./memory.ts";
import { works } from "./tools.ts";

const MB = 2 ** 20;

describe("what the kernel tells of memory", () => {
  it("is read from smaps_rollup, clean pages of files left out", () => {
    const rollup =
      "Rss: 900 kB\nPss: 500 kB\nPss_Anon: 100 kB\nPss_File: 380 kB\nPss_Shmem: 20 kB\nSwapPss: 5 kB\n";
    expect(mappedIn(rollup)).toEqual({ own: 105 * 1024, shared: 20 * 1024 });
    expect(mappedIn("Rss: 900 kB\nPss: 500 kB\n")).toBeNull();
    expect(mappedIn("")).toEqual({ own: 0, shared: 0 });
  });

  it("is read from both versions of control groups", () => {
    expect(usedOf2("anon 100\nfile 9000\nshmem 30\nkernel 50\nslab_reclaimable 40\nsock 7\n")).toBe(147);
    expect(usedOf2("usage 5\n")).toBeNull();
    const old = "cache 9000\nrss 1\ntotal_rss 100\ntotal_shmem 30\ntotal_swap 2\n";
    expect(usedOf1(old, String(64 * MB + 5))).toBe(137);
    expect(usedOf1(old, null)).toBe(132);
  });

  it("has a place for groups, in the own group or beside it", () => {
    const mounts = [
      "30 20 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate",
      "31 20 0:27 /inner /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
      "32 20 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
    ].join("\n");
    expect(groupPlaces("0::/user.slice/a.scope\n5:memory:/inner/b\n", mounts)).toEqual([
      { version: 2, parent: "/sys/fs/cgroup/user.slice/a.scope" },
      { version: 2, parent: "/sys/fs/cgroup/user.slice" },
      { version: 1, parent: "/sys/fs/cgroup/memory/b" },
    ]);
    expect(groupPlaces("5:memory:/outside\n", mounts)).toEqual([]);
  });
});

const limits: Limits = {
  ...{ time: 60_000, memory: 400 * MB, processes: 60, fileSize: 2 ** 30, disk: 16 * MB, output: 2 ** 20 },
  network: false,
};
const hasPython = await works(["python3", "-c", "import mmap"]);
const place = process.platform === "linux" ? await findGroupPlace(works) : null;
const levels = (await openSandbox()).isolation.level === "L2" ? (["L0", "L2"] as const) : (["L0"] as const);

describe.runIf(process.platform === "linux" && hasPython).each(levels)("memory of a run at %s", (level) => {
  const tree = mkdtempSync(join(tmpdir(), "whet-memory-"));
  const out = mkdtempSync(join(tmpdir(), "whet-memory-out-"));
  afterAll(() => {
    for (const folder of [tree, out]) rmSync(folder, { recursive: true, force: true });
  });
  const run = async (script: string, more: Partial<Limits> = {}, weighMemory = false) => {
    writeFileSync(join(tree, "run.py"), `import mmap, os, socket, time\n${script}`);
    const sandbox = await openSandbox(level === "L0" ? { level } : {});
    return sandbox.start({
      ...{ command: "python3 run.py", tree, cwd: "", hidden: [], env: {}, weighMemory },
      mounts: [{ host: out, at: { env: "OUT" }, writable: true }],
      limits: { ...limits, ...more },
    }).done;
  };

  it("does not count a file that is mapped to be read", async () => {
    execFileSync("dd", ["if=/dev/zero", `of=${join(tree, "weights")}`, "bs=1M", "count=700", "status=none"]);
    const outcome = await run(`
m = mmap.mmap(os.open("weights", os.O_RDONLY), 0, prot=mmap.PROT_READ)
for at in range(0, len(m), 4096): m[at]
time.sleep(0.5)`);
    rmSync(join(tree, "weights"));
    expect([outcome.ending, outcome.peakBytes < 200 * MB]).toEqual(["ok", true]);
  });

  it("counts what workers share once", async () => {
    const outcome = await run(`
b = bytearray(b"x") * (200 << 20)
for i in range(5):
    if os.fork() == 0: time.sleep(5); os._exit(0)
time.sleep(5)`);
    expect(outcome.ending).toBe("ok");
    expect(outcome.peakBytes).toBeGreaterThan(190 * MB);
    expect(outcome.peakBytes).toBeLessThan(330 * MB);
  });

  it("counts files in memory that no process has mapped", async () => {
    const held = `
f = os.memfd_create("x")
for i in range(150): os.write(f, b"x" * (1 << 20))
time.sleep(5)`;
    const outcome = await run(held);
    expect(outcome.peakBytes).toBeGreaterThan(150 * MB);
    expect((await run(held, { memory: 100 * MB })).ending).toBe("memory");
  });

  it("counts what the other threads hold when a process's first thread has ended", async () => {
    const outcome = await run(
      `
import ctypes, threading
def grow():
    time.sleep(0.3)
    b = bytearray(b"x") * (200 << 20)
    time.sleep(30)
threading.Thread(target=grow).start()
ctypes.CDLL(None).syscall({"x86_64": 60}.get(os.uname().machine, 93), 0)`,
      { memory: 100 * MB },
    );
    expect(outcome.ending).toBe("memory");
  });

  it("counts removed files as disk for as long as they are open", async () => {
    const outcome = await run(`
p = os.environ["OUT"] + "/u"
f = os.open(p, os.O_RDWR | os.O_CREAT); os.unlink(p)
for i in range(40): os.write(f, b"x" * (1 << 20))
time.sleep(8)`);
    expect(outcome.ending).toBe("disk");
  });

  it.runIf(place !== null)("counts what is hidden from every look, where memory is a metric", async () => {
    // All but a page of a shared mapping is given up: the pages stay, and no process has them mapped.
    const outcome = await run(
      `
import ctypes
libc = ctypes.CDLL(None); libc.mmap.restype = ctypes.c_void_p
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
at = libc.mmap(None, ctypes.c_size_t(150 << 20), 3, 0x21, -1, ctypes.c_long(0))
ctypes.memset(at, 1, 150 << 20); libc.munmap(at + 4096, (150 << 20) - 4096)
time.sleep(1)`,
      {},
      true,
    );
    expect(outcome.ending).toBe("ok");
    expect(outcome.peakBytes).toBeGreaterThan(150 * MB);
    const over = await run(
      "b = []\nwhile True: b.append(bytearray(os.urandom(1 << 20)))",
      { memory: 60 * MB },
      true,
    );
    expect(over.ending).toBe("memory");
    const left = () =>
      readdirSync(place?.parent ?? "").filter((name) => name.startsWith(`whetstone-${process.pid}-`));
    for (let look = 0; look < 100 && left().length > 0; look++) await sleep(50);
    expect(left()).toEqual([]);
    expect(existsSync(place?.parent ?? "")).toBe(true);
  });
});

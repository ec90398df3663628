import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listGpus } from "../src/sandbox/index.ts";

/**
 * What only a GPU can show: whether CUDA starts at L2 with the grant, whether a run sees its own GPU alone, how near
 * the measured memory is to what was allocated, and what the sandbox costs. The program is of autoresearch's shape (one
 * editable file, a fixed budget of training, one printed number), and calls the driver itself, so that neither torch
 * nor jax need be installed. It needs python3 and `libcuda.so.1`.
 */

const megabytes = 1024;
const train = `
import ctypes, time
MEGABYTES = ${megabytes}
cuda = ctypes.CDLL("libcuda.so.1")
def call(name, *args):
    code = getattr(cuda, name)(*args)
    if code != 0: raise SystemExit(f"{name} failed with {code}")
call("cuInit", 0)
count = ctypes.c_int(); call("cuDeviceGetCount", ctypes.byref(count))
device = ctypes.c_int(); call("cuDeviceGet", ctypes.byref(device), 0)
context = ctypes.c_void_p(); call("cuCtxCreate_v2", ctypes.byref(context), 0, device)
memory = ctypes.c_uint64(); call("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(MEGABYTES * 2**20))
began = time.time(); rounds = 0
while time.time() - began < 2:
    call("cuMemsetD8_v2", memory, ctypes.c_ubyte(rounds % 256), ctypes.c_size_t(MEGABYTES * 2**20))
    call("cuCtxSynchronize"); rounds += 1
print("visible:", count.value)
print("gb_per_second:", rounds * MEGABYTES / 1024 / (time.time() - began))
`;

const gpus = await listGpus();
if (gpus.length === 0) {
  console.log("There is no GPU here (no /dev/nvidia*, /dev/kfd or /dev/dxg): nothing was measured.");
  process.exit(0);
}
console.table(
  gpus.map(({ kind, index, name, memory }) => ({ kind, index, name, GB: memory && memory / 2 ** 30 })),
);

const rows = ["L0", "best"].map((level) => {
  const folder = mkdtempSync(join(tmpdir(), "whet-bench-gpu-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=B", "-c", "user.email=b@localhost", ...args], { cwd: folder });
  writeFileSync(join(folder, "train.py"), train);
  writeFileSync(
    join(folder, "program.md"),
    [
      "---",
      "metric: gb_per_second",
      "direction: maximize",
      "change: [train.py]",
      "run: python3 train.py",
      "guards:",
      "  - {name: visible, direction: minimize}",
      "  - {name: device, clock: gpu-memory, tolerance: 5%}",
      "budget: {time: 60s, gpus: 1}",
      "---",
    ].join("\n"),
  );
  git("init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  const whet = join(import.meta.dirname, "..", "bin", "whet.cjs");
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [whet, "check", "--json", ...(level === "L0" ? ["--isolation", "L0"] : [])],
    { cwd: folder, encoding: "utf8" },
  );
  rmSync(folder, { recursive: true, force: true });
  if (status !== 0) return { level, failed: stderr.trim().split("\n")[0] };
  const check = JSON.parse(stdout) as {
    isolation: { level: string };
    baseline: { mean: number };
    guards: { name: string; mean: number }[];
  };
  const guard = (name: string) => check.guards.find((each) => each.name === name)?.mean ?? Number.NaN;
  return {
    level: check.isolation.level,
    "GB/s": check.baseline.mean.toFixed(1),
    "GPUs that the run saw": guard("visible"),
    "MiB allocated": megabytes,
    "MiB measured": Math.round(guard("device") / 2 ** 20),
  };
});
console.table(rows);

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Finished, repository, whet, write } from "./support/lab.ts";

/**
 * There is no GPU here: two harmless device nodes with NVIDIA's names, made in a mount namespace of the test's own, and
 * a stand-in for nvidia-smi that prints in the documented form. What only a GPU can show is in `bench/gpu.ts`.
 */
const possible = (() => {
  try {
    execFileSync(
      "unshare",
      ["-m", "--propagation", "private", "sh", "-c", "mount -t tmpfs t /mnt && mknod /mnt/n c 1 3"],
      {
        stdio: "ignore",
      },
    );
    execFileSync("bwrap", ["--ro-bind", "/", "/", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** Prints each GPU's memory; after its first second of printing again and again GPU 0 holds 3,000 MiB more. */
const smi = `#!/bin/sh
line() { echo "0, Stand-in GPU, 40960, $1"; echo "1, Stand-in GPU, 40960, 100"; }
case "$*" in
  *-lms*) line 100; sleep 0.6; while line 3100; do sleep 0.1; done ;;
  *) line 100 ;;
esac
`;

const inNamespace = `set -e
D=$(mktemp -d); mount -t tmpfs tmpfs $D
node() { mknod -m 666 $D/$1 c $2 $3; }
node null 1 3; node zero 1 5; node full 1 7; node random 1 8; node urandom 1 9; node tty 5 0
node nvidia0 1 3; node nvidia1 1 3; node nvidiactl 1 3
mkdir $D/shm $D/pts; mount --rbind /dev/pts $D/pts; mount --rbind /dev/shm $D/shm
ln -s pts/ptmx $D/ptmx; ln -s /proc/self/fd $D/fd; ln -s fd/0 $D/stdin; ln -s fd/1 $D/stdout; ln -s fd/2 $D/stderr
mount --rbind $D /dev
cd "$LAB"
exec "$NODE" "$WHET" "$@"
`;

function withGpus(folder: string, ...args: string[]): Promise<Finished> {
  const tools = mkdtempSync(join(tmpdir(), "whet-smi-"));
  onTestFinished(() => rmSync(tools, { recursive: true, force: true }));
  write(tools, { "nvidia-smi": smi, "ns.sh": inNamespace });
  chmodSync(join(tools, "nvidia-smi"), 0o755);
  const child = spawn("unshare", ["-m", "--propagation", "private", "sh", join(tools, "ns.sh"), ...args], {
    env: {
      ...process.env,
      NO_COLOR: "1",
      PATH: `${tools}:${process.env.PATH ?? ""}`,
      LAB: folder,
      NODE: process.execPath,
      WHET: join(import.meta.dirname, "..", "bin", "whet.cjs"),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const program = (budget: string, metric = "seen") =>
  [
    "---",
    `metric: ${metric}`,
    "direction: minimize",
    "change: [knob.sh]",
    "run: sh train.sh",
    `budget: ${budget}`,
    "---",
  ].join("\n");
const train = [
  ". ./knob.sh",
  'echo "nodes $(echo /dev/nvidia*) numbers $CUDA_VISIBLE_DEVICES" > $OUT/seen',
  "[ -d /sys/class ] && [ -e /dev/nvidia0 ] && [ ! -e /dev/nvidia1 ] || { cat $OUT/seen >&2; exit 1; }",
  // A device that is merely bound would refuse this.
  "echo x > /dev/nvidia0 && sleep 1",
  "echo seen: $K",
].join("\n");

describe.skipIf(!possible)("a budget of GPUs at L2", () => {
  it("shows one GPU of two with the right to use it, numbered from 0, and says what it opens", async () => {
    const folder = repository({
      "knob.sh": "K=3\n",
      "train.sh": train,
      "program.md": program("{time: 30s, gpus: 1}"),
    });
    const { code, stdout, stderr } = await withGpus(folder, "check");
    expect(code, stderr + stdout).toBe(0);
    expect(stdout).toMatch(/gpus: 1/);
    expect(stdout.replace(/\s+/g, " ")).toMatch(/memory of the GPU that Whetstone does not wipe/);
  });

  it("clocks the memory of the GPU, and results.tsv tells it as memory_gb", async () => {
    const folder = repository({
      "knob.sh": "K=3\n",
      "train.sh": train,
      "program.md": program("{time: 30s, gpus: 1}", "{name: seen, clock: gpu-memory}"),
    });
    const { code, stderr, stdout } = await withGpus(
      folder,
      "run",
      "--no-probe",
      "--audit",
      "0",
      "--experiments",
      "1",
    );
    expect(code, stderr + stdout).toBe(0);
    const [, baseline = ""] = readFileSync(join(folder, ".whetstone", "results.tsv"), "utf8").split("\n");
    // 3,000 MiB beyond what others held before.
    expect(baseline.split("\t")[2]).toBe("2.9");
  });

  it("that this machine cannot meet is refused with the place in program.md", async () => {
    const folder = repository({
      "knob.sh": "K=3\n",
      "train.sh": train,
      "program.md": program("{time: 30s, gpus: 3}"),
    });
    const { code, stderr } = await withGpus(folder, "check");
    expect(code).toBe(2);
    expect(stderr).toMatch(/program\.md:6:\d+: the budget wants 3 GPUs, and 2 of those are/);
  });
});

it.skipIf(!possible)("without a grant no GPU is visible, and the failure names the grant", async () => {
  const folder = repository({
    "knob.sh": "K=3\n",
    "train.sh":
      '[ -e /dev/nvidia0 ] || { echo "RuntimeError: No CUDA GPUs are available" >&2; exit 1; }\necho seen: 1',
    "program.md": program("30s"),
  });
  const { code, stderr } = await withGpus(folder, "check");
  expect(code).toBe(1);
  expect(stderr).toMatch(/gpus: 1/);
});

it("on a machine without a GPU the grant is refused before anything is measured", async () => {
  const folder = repository({
    "knob.sh": "K=3\n",
    "train.sh": train,
    "program.md": program("{time: 30s, gpus: 1}"),
  });
  const { code, stderr } = await whet(folder, "check");
  expect(code).toBe(2);
  expect(stderr).toMatch(/program\.md:6:\d+: the budget wants 1 GPU, and none is to be had here/);
});

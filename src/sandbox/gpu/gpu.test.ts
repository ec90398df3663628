import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { claimGpus } from "./claim.ts";
import type { Gpu } from "./gpu.ts";
import { suitableGpus } from "./inventory.ts";
import { GpuMonitor } from "./monitor.ts";
import { gpuNodes } from "./nodes.ts";
import { gpuArguments, gpuVariables } from "./shown.ts";
import { readNvidia, readRocm } from "./vendor.ts";

function folderWith(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "whet-gpu-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const gpu = (index: number, more: Partial<Gpu> = {}): Gpu => ({
  kind: "nvidia",
  index,
  name: "A100",
  memory: 40 * 2 ** 30,
  nodes: [`/dev/nvidia${index}`],
  shared: ["/dev/nvidiactl"],
  ...more,
});

describe("the memory of GPUs", () => {
  it("is measured again after nvidia-smi has ended (a stand-in that dies after a line)", async () => {
    const tools = folderWith({
      "nvidia-smi": '#!/bin/sh\necho "0, Stand-in, 1000, 300"\ncase "$*" in *-lms*) sleep 0.3;; esac\n',
    });
    chmodSync(join(tools, "nvidia-smi"), 0o755);
    const path = process.env.PATH;
    process.env.PATH = `${tools}:${path}`;
    onTestFinished(() => {
      process.env.PATH = path;
    });
    const monitor = new GpuMonitor("nvidia");
    onTestFinished(() => monitor.close());
    await monitor.ready;
    // Its first life is over, and the first look of the next one is still to come.
    for (let life = 0; life < 2; life++) {
      let seen: number | null = null;
      for (let tries = 0; seen === null && tries < 60; tries++) {
        const watch = monitor.watch([gpu(0)]);
        await sleep(500);
        seen = watch.end();
      }
      expect(seen).toBe(0);
      await sleep(600);
    }
  });
});

describe("the GPUs of a machine", () => {
  it("of NVIDIA are found by their device nodes, in the order of their numbers", () => {
    const root = folderWith({
      "dev/nvidia10": "",
      "dev/nvidia2": "",
      "dev/nvidiactl": "",
      "dev/nvidia-uvm": "",
      "dev/nvidia-caps/nvidia-cap1": "",
      "dev/null": "",
    });
    expect(gpuNodes(root).map(({ index, nodes }) => [index, ...nodes])).toEqual([
      [2, "/dev/nvidia2"],
      [10, "/dev/nvidia10"],
    ]);
    expect(gpuNodes(root)[0]?.shared).toEqual([
      "/dev/nvidiactl",
      "/dev/nvidia-uvm",
      "/dev/nvidia-caps/nvidia-cap1",
    ]);
  });

  it("of NVIDIA have the numbers of nvidia-smi, which counts by the place on the bus and not by the device node", () => {
    const told = (minor: number) =>
      `Model: \t\t NVIDIA A100\nBus Location: \t 0000:..\nDevice Minor: \t ${minor}\n`;
    const gpus = "proc/driver/nvidia/gpus";
    const root = folderWith({
      ...{ "dev/nvidia0": "", "dev/nvidia1": "", "dev/nvidia2": "", "dev/nvidiactl": "" },
      [`${gpus}/0000:07:00.0/information`]: told(2),
      [`${gpus}/0000:0a:00.0/information`]: told(0),
      [`${gpus}/0000:47:00.0/information`]: told(1),
    });
    expect(gpuNodes(root).map(({ index, nodes }) => [index, ...nodes])).toEqual([
      [0, "/dev/nvidia2"],
      [1, "/dev/nvidia0"],
      [2, "/dev/nvidia1"],
    ]);
    rmSync(join(root, gpus, "0000:47:00.0"), { recursive: true });
    // What the driver does not tell of all of them is of no use.
    expect(
      gpuNodes(root)
        .map(({ index, nodes }) => `${index} ${nodes.join()}`)
        .sort((a, b) => a.localeCompare(b)),
    ).toEqual(["0 /dev/nvidia0", "1 /dev/nvidia1", "2 /dev/nvidia2"]);
  });

  it("of AMD are the nodes of the topology that have SIMD units, each with its render node", () => {
    const node = "sys/class/kfd/kfd/topology/nodes";
    const root = folderWith({
      "dev/kfd": "",
      "dev/dri/renderD128": "",
      "dev/dri/renderD129": "",
      [`${node}/0/properties`]: "cpu_cores_count 16\nsimd_count 0\ndrm_render_minor 0\n",
      [`${node}/1/properties`]: "simd_count 240\ndrm_render_minor 129\n",
      [`${node}/2/properties`]: "simd_count 240\ndrm_render_minor 128\n",
    });
    expect(gpuNodes(root).map(({ kind, index, nodes }) => [kind, index, ...nodes])).toEqual([
      ["amd", 0, "/dev/dri/renderD129"],
      ["amd", 1, "/dev/dri/renderD128"],
    ]);
  });

  it("under WSL are one device, and without any node there are none", () => {
    expect(gpuNodes(folderWith({ "dev/dxg": "", "usr/lib/wsl/lib/nvidia-smi": "" }))).toMatchObject([
      { kind: "wsl", shared: ["/dev/dxg"] },
    ]);
    expect(gpuNodes(folderWith({ "dev/null": "" }))).toEqual([]);
  });
});

describe("what a vendor's tool prints", () => {
  it("of NVIDIA is read in MiB; what the driver does not tell stays unknown", () => {
    expect(
      readNvidia(
        "0, NVIDIA A100-SXM4-40GB, 40960, 1024\n1, NVIDIA GB10, [N/A], [Not Supported]\n\nbad line\n",
      ),
    ).toEqual([
      { index: 0, name: "NVIDIA A100-SXM4-40GB", memory: 40 * 2 ** 30, used: 2 ** 30 },
      { index: 1, name: "NVIDIA GB10", memory: null, used: null },
    ]);
  });

  it("of AMD is read in bytes, and counted from 0 in the order of the cards", () => {
    const card = (used: number) => ({
      "Card Series": "AMD Instinct MI250X",
      "VRAM Total Memory (B)": "68702699520",
      "VRAM Total Used Memory (B)": String(used),
    });
    expect(readRocm(JSON.stringify({ card2: card(2), card1: card(1), system: {} }))).toEqual([
      { index: 0, name: "AMD Instinct MI250X", memory: 68702699520, used: 1 },
      { index: 1, name: "AMD Instinct MI250X", memory: 68702699520, used: 2 },
    ]);
    expect(readRocm("ERROR: no driver")).toEqual([]);
  });
});

describe("a budget of GPUs", () => {
  const all = [gpu(0), gpu(1, { memory: 16 * 2 ** 30 }), gpu(2)];
  const numbers = (gpus: readonly Gpu[]) => gpus.map(({ index }) => index);

  it("chooses among those with the memory that it wants", () => {
    expect(numbers(suitableGpus({ count: 2, memory: 24 * 2 ** 30 }, all, {}))).toEqual([0, 2]);
  });

  it("leaves alone what the user's own CUDA_VISIBLE_DEVICES hides", () => {
    expect(numbers(suitableGpus({ count: 1 }, all, { CUDA_VISIBLE_DEVICES: "1,2" }))).toEqual([1, 2]);
    expect(() => suitableGpus({ count: 1 }, all, { CUDA_VISIBLE_DEVICES: "-1" })).toThrow(
      /none is to be had/,
    );
    expect(numbers(suitableGpus({ count: 3 }, all, { CUDA_VISIBLE_DEVICES: "GPU-5f1c" }))).toEqual([0, 1, 2]);
  });

  it("that cannot be met is refused with what is there", () => {
    expect(() => suitableGpus({ count: 4 }, all, {})).toThrow(
      /wants 4 GPUs, and 3 of those are.*nvidia 0: A100, 40 GB/,
    );
    expect(() => suitableGpus({ count: 1 }, [], {})).toThrow(/no device nodes/);
    expect(() => suitableGpus({ count: 1, kind: "amd" }, all, {})).toThrow(/of the kind amd/);
  });
});

describe("a claim on GPUs", () => {
  const locks = () => join(folderWith({ "x/y": "" }), "locks");

  it("gives each evaluation GPUs of its own, and the next one those that come back", async () => {
    const folder = locks();
    const all = [gpu(0), gpu(1)];
    const first = await claimGpus(1, all, { folder });
    const second = await claimGpus(1, all, { folder });
    expect([first?.gpus[0]?.index, second?.gpus[0]?.index]).toEqual([0, 1]);
    const third = claimGpus(1, all, { folder });
    first?.release();
    const got = await third;
    expect(got?.gpus[0]?.index).toBe(0);
    second?.release();
    got?.release();
  });

  it("takes all that it wants or none, so that two never wait for each other", async () => {
    const folder = locks();
    const all = [gpu(0), gpu(1)];
    const one = await claimGpus(1, all, { folder });
    const abort = new AbortController();
    const two = claimGpus(2, all, { folder, signal: abort.signal });
    // The one that the second could not use stays free for others.
    const other = await claimGpus(1, all, { folder });
    expect(other?.gpus[0]?.index).toBe(1);
    abort.abort();
    expect(await two).toBeNull();
    one?.release();
    other?.release();
  });
});

describe("what a run with a GPU is shown", () => {
  it("is its own GPU's nodes and the driver's, with the right to use them, and /sys to read", () => {
    const args = gpuArguments([gpu(1)]).join(" ");
    expect(args).toContain("--dev-bind-try /dev/nvidia1 /dev/nvidia1");
    expect(args).toContain("--dev-bind-try /dev/nvidiactl /dev/nvidiactl");
    expect(args).toContain("--ro-bind /sys /sys");
    expect(args).not.toContain("/dev/nvidia0");
    expect(gpuArguments([])).toEqual([]);
  });

  it("is counted from 0 where no other GPU is visible, and by the vendor's numbers where all are", () => {
    expect(gpuVariables([gpu(1), gpu(3)], true).CUDA_VISIBLE_DEVICES).toBe("0,1");
    expect(gpuVariables([gpu(1), gpu(3)], false).CUDA_VISIBLE_DEVICES).toBe("1,3");
    expect(gpuVariables([gpu(2, { kind: "amd" })], false)).toEqual({ HIP_VISIBLE_DEVICES: "2" });
    expect(gpuVariables([], false)).toEqual({});
  });
});

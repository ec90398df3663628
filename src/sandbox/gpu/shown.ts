import { existsSync } from "node:fs";
import type { Gpu } from "./gpu.ts";

/**
 * Bubblewrap's arguments that show these GPUs and no other: their device nodes with the right to use them (a plain bind
 * gives "Insufficient Permissions"), and the folders in which libraries look. They belong after `--dev /dev` and before
 * /dev is made read-only.
 */
export function gpuArguments(gpus: readonly Gpu[]): string[] {
  if (gpus.length === 0) return [];
  const nodes = new Set(gpus.flatMap((gpu) => [...gpu.shared, ...gpu.nodes]));
  const folders = gpus.some((gpu) => gpu.kind === "amd") ? ["/opt/rocm", "/opt/amdgpu"] : [];
  return [
    ...[...nodes].flatMap((path) => ["--dev-bind-try", path, path]),
    // Without /sys CUDA does not start at all: cuInit fails with 304.
    ...["--ro-bind", "/sys", "/sys"],
    ...folders.filter((path) => existsSync(path)).flatMap((path) => ["--ro-bind", path, path]),
  ];
}

/**
 * The variables by which the vendors' libraries know which GPUs are theirs.
 *
 * @param isolated true where only these GPUs' nodes are shown: the libraries then count them from 0.
 */
export function gpuVariables(gpus: readonly Gpu[], isolated: boolean): Record<string, string> {
  const [first] = gpus;
  // To a run without GPUs no variable of the user's promises one.
  if (!first || first.kind === "metal") return {};
  const numbers = gpus.map((gpu, position) => (isolated ? position : gpu.index)).join(",");
  if (first.kind === "amd") return { HIP_VISIBLE_DEVICES: numbers };
  // In this order the numbers are those of nvidia-smi; the numbers of device nodes may differ.
  return { CUDA_VISIBLE_DEVICES: numbers, CUDA_DEVICE_ORDER: "PCI_BUS_ID" };
}

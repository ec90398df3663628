import { UserError } from "../../errors.ts";
import type { Limits } from "../sandbox.ts";
import { tryOut } from "../tools.ts";
import type { Gpu } from "./gpu.ts";
import { gpuNodes } from "./nodes.ts";
import { nvidiaFields, readNvidia, readRocm, type VendorGpu } from "./vendor.ts";

/** GPUs of this machine, with name and memory where the vendor's tool is there. */
export async function listGpus(): Promise<Gpu[]> {
  if (process.platform === "darwin")
    return [{ kind: "metal", index: 0, name: "Metal", memory: null, nodes: [], shared: [] }];
  const found = gpuNodes();
  const told = new Map<Gpu["kind"], VendorGpu[]>();
  for (const kind of new Set(found.map((gpu) => gpu.kind))) told.set(kind, await askVendor(kind));
  return found.map((gpu) => {
    const known = told.get(gpu.kind)?.find(({ index }) => index === gpu.index);
    return known ? { ...gpu, name: known.name, memory: known.memory } : gpu;
  });
}

/** What the vendor's tool says now; nothing where it is missing or fails. */
export async function askVendor(kind: Gpu["kind"]): Promise<VendorGpu[]> {
  if (kind === "metal") return [];
  if (kind === "amd")
    return readRocm(
      (await tryOut(["rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json"])) ?? "",
    );
  return readNvidia(
    (await tryOut(["nvidia-smi", `--query-gpu=${nvidiaFields}`, "--format=csv,noheader,nounits"])) ?? "",
  );
}

/**
 * The GPUs among which a budget may choose: of the kind and with the memory that it wants, and those alone that the
 * user's own CUDA_VISIBLE_DEVICES (HIP_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES) leaves.
 *
 * @param all the GPUs of the machine.
 * @throws UserError when there are not enough, with what is there.
 */
export function suitableGpus(
  wanted: NonNullable<Limits["gpus"]>,
  all: readonly Gpu[],
  user: Readonly<Record<string, string | undefined>> = process.env,
): Gpu[] {
  const suitable = all.filter(
    (gpu) =>
      (wanted.kind === undefined || gpu.kind === wanted.kind) &&
      (wanted.memory === undefined || gpu.memory === null || gpu.memory >= wanted.memory) &&
      isLeft(gpu, user),
  );
  // A run uses the libraries of one vendor.
  const [kind] = suitable.map((gpu) => gpu.kind);
  const chosen = suitable.filter((gpu) => gpu.kind === kind);
  if (chosen.length >= wanted.count) return chosen;
  throw new UserError(
    `the budget wants ${wanted.count} GPU${wanted.count === 1 ? "" : "s"}${wanted.kind === undefined ? "" : ` of the kind ${wanted.kind}`}, and ${chosen.length === 0 ? "none is" : `${chosen.length} of those are`} to be had here (${all.length === 0 ? "there are no device nodes /dev/nvidia*, /dev/kfd or /dev/dxg" : all.map(described).join("; ")})`,
    chosen.length === 0
      ? "leave `gpus` out to run without one, or start whet where `ls /dev/nvidia*` shows the device nodes"
      : `gpus: ${chosen.length}`,
  );
}

/** Whether the user's variables leave a GPU visible. A variable that names GPUs otherwise than by number leaves all. */
function isLeft({ kind, index }: Gpu, user: Readonly<Record<string, string | undefined>>): boolean {
  const names = kind === "amd" ? ["HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"] : ["CUDA_VISIBLE_DEVICES"];
  return names.every((name) => {
    const numbers = user[name]?.split(",").map((part) => part.trim());
    if (numbers === undefined || !numbers.every((part) => /^-?\d+$/.test(part))) return true;
    return numbers.includes(String(index));
  });
}

function described({ kind, index, name, memory }: Gpu): string {
  return `${kind} ${index}: ${name}${memory === null ? "" : `, ${Math.round(memory / 2 ** 30)} GB`}`;
}

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Gpu } from "./gpu.ts";

/** Nodes of NVIDIA's driver besides the GPUs' own. */
const nvidiaShared = ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset"];

/**
 * The GPUs whose device nodes are there, found by looking at /dev and /sys: no vendor's tool is needed for it.
 *
 * @param root where /dev, /sys and /usr lie; tests name a folder of their own.
 */
export function gpuNodes(root = "/"): Gpu[] {
  const nvidia = nvidiaGpus(root);
  // A machine under WSL has one device for all of its GPUs; NVIDIA's own nodes are not there.
  return nvidia.length > 0 ? [...nvidia, ...amdGpus(root)] : [...amdGpus(root), ...wslGpus(root)];
}

function nvidiaGpus(root: string): Gpu[] {
  const names = list(join(root, "dev"));
  const shared = nvidiaShared.filter((name) => names.includes(name)).map((name) => `/dev/${name}`);
  const caps = list(join(root, "dev/nvidia-caps")).map((name) => `/dev/nvidia-caps/${name}`);
  const minors = names.flatMap((name) => /^nvidia(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  const buses = busesOfMinors(root);
  const place = (minor: number) => buses.get(minor) ?? "";
  return minors
    .sort((a, b) => place(a).localeCompare(place(b)) || a - b)
    .map((minor, position) => ({
      kind: "nvidia" as const,
      // Where the driver does not tell the places on the bus, its own numbers are the best guess.
      index: minors.every((each) => buses.has(each)) ? position : minor,
      name: "NVIDIA GPU",
      memory: null,
      nodes: [`/dev/nvidia${minor}`],
      shared: [...shared, ...caps],
    }));
}

/**
 * The place on the PCI bus of each GPU by the number of its device node (its minor). NVIDIA's tool and, in the order
 * PCI_BUS_ID, CUDA count GPUs by that place, and the minor is given by the order in which the driver met them: the two
 * differ on some machines.
 */
function busesOfMinors(root: string): Map<number, string> {
  const folder = join(root, "proc/driver/nvidia/gpus");
  const buses = new Map<number, string>();
  for (const bus of list(folder)) {
    const minor = /^Device Minor:\s*(\d+)\s*$/m.exec(read(join(folder, bus, "information")))?.[1];
    // Hexadecimal digits of a fixed width, so that their order as text is that on the bus.
    if (minor !== undefined) buses.set(Number(minor), bus.toLowerCase());
  }
  return buses;
}

/** The driver of AMD lists processors and GPUs as nodes of one topology; GPUs have SIMD units and a render node. */
function amdGpus(root: string): Gpu[] {
  if (!exists(join(root, "dev/kfd"))) return [];
  const topology = join(root, "sys/class/kfd/kfd/topology/nodes");
  return list(topology)
    .sort((a, b) => Number(a) - Number(b))
    .flatMap((node) => {
      const properties = read(join(topology, node, "properties"));
      const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(properties)?.[1] ?? 0);
      const minor = value("drm_render_minor");
      return value("simd_count") > 0 && minor > 0 ? [`/dev/dri/renderD${minor}`] : [];
    })
    .filter((path) => exists(join(root, path)))
    .map((path, index) => ({
      kind: "amd" as const,
      index,
      name: "AMD GPU",
      memory: null,
      nodes: [path],
      shared: ["/dev/kfd"],
    }));
}

function wslGpus(root: string): Gpu[] {
  if (!exists(join(root, "dev/dxg")) || !exists(join(root, "usr/lib/wsl"))) return [];
  return [
    { kind: "wsl", index: 0, name: "GPU of the host (WSL)", memory: null, nodes: [], shared: ["/dev/dxg"] },
  ];
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

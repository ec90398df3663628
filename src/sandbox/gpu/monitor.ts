import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Gpu } from "./gpu.ts";
import { askVendor } from "./inventory.ts";
import { nvidiaFields, readNvidia, type VendorGpu } from "./vendor.ts";

/** Milliseconds between two looks at the memory of the GPUs. */
const interval = 200;
/** Milliseconds after which the vendor's tool is started again when it has ended; doubled each time it prints nothing. */
const firstRest = 1_000;
const longestRest = 60_000;

/** What some GPUs' memory comes to from a moment on. */
export interface GpuWatch {
  /**
   * The highest bytes seen, less the lowest that this process has ever seen on these GPUs, which belong to others. Null
   * where nothing can be measured.
   */
  end(): number | null;
}

/**
 * Looks at the memory of the GPUs for as long as this process lives: one `nvidia-smi` that prints again and again costs
 * less than a start for every run. Memory of the run before may still be there at a run's first look, so that what a
 * run began with says nothing.
 */
export class GpuMonitor {
  readonly #latest = new Map<number, number>();
  readonly #least = new Map<number, number>();
  readonly #watches = new Set<() => void>();
  readonly #kind: Gpu["kind"];
  #child: ChildProcess | null = null;
  #timer: NodeJS.Timeout | null = null;
  #rest = firstRest;
  #closed = false;

  /** Resolves once a first look has been taken, or could not be. */
  readonly ready: Promise<void>;

  constructor(kind: Gpu["kind"]) {
    this.#kind = kind;
    this.ready = askVendor(kind).then((told) => {
      this.#see(told);
      if (told.length === 0) return;
      if (kind === "amd") this.#poll();
      else {
        process.once("exit", () => this.close());
        this.#follow();
      }
    });
  }

  watch(gpus: readonly Gpu[]): GpuWatch {
    const sum = (looks: ReadonlyMap<number, number>) =>
      gpus.reduce((total, { index }) => total + (looks.get(index) ?? 0), 0);
    let most = 0;
    let looks = 0;
    const look = () => {
      if (!gpus.every(({ index }) => this.#latest.has(index))) return;
      looks++;
      most = Math.max(most, sum(this.#latest));
    };
    this.#watches.add(look);
    return {
      end: () => {
        this.#watches.delete(look);
        // A run between two looks, or while the vendor's tool was gone, was not measured at all.
        return looks === 0 ? null : Math.max(0, most - sum(this.#least));
      },
    };
  }

  close(): void {
    this.#closed = true;
    this.#child?.kill("SIGKILL");
    if (this.#timer) clearTimeout(this.#timer);
  }

  #see(told: readonly VendorGpu[]): void {
    for (const { index, used } of told) {
      if (used === null) continue;
      this.#latest.set(index, used);
      this.#least.set(index, Math.min(used, this.#least.get(index) ?? used));
    }
    for (const look of this.#watches) look();
  }

  #follow(): void {
    const child = spawn(
      "nvidia-smi",
      [`--query-gpu=${nvidiaFields}`, "--format=csv,noheader,nounits", "-lms", String(interval)],
      { stdio: ["ignore", "pipe", "ignore"], env: { PATH: process.env.PATH ?? "/usr/bin:/bin" } },
    );
    this.#child = child;
    child.on("error", () => this.#followLater(child));
    child.on("exit", () => this.#followLater(child));
    child.unref();
    const stdout = child.stdout as NodeJS.ReadableStream & { unref?: () => void };
    stdout.unref?.();
    createInterface({ input: stdout }).on("line", (line) => {
      this.#rest = firstRest;
      this.#see(readNvidia(line));
    });
  }

  /** The tool dies when somebody ends it or the driver has a fault: what it said last is no longer true. */
  #followLater(ended: ChildProcess): void {
    if (this.#child !== ended) return;
    this.#child = null;
    this.#latest.clear();
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.#follow(), this.#rest).unref();
    this.#rest = Math.min(2 * this.#rest, longestRest);
  }

  #poll(): void {
    this.#timer = setTimeout(() => {
      void askVendor(this.#kind).then((told) => {
        this.#see(told);
        this.#poll();
      });
    }, interval).unref();
  }
}

const monitors = new Map<Gpu["kind"], GpuMonitor>();

/** Begins to look at the memory of such GPUs; the first time in a process this waits for the vendor's tool. */
export async function readyToWatch([first]: readonly Gpu[]): Promise<void> {
  if (!first) return;
  const monitor = monitors.get(first.kind) ?? new GpuMonitor(first.kind);
  monitors.set(first.kind, monitor);
  await monitor.ready;
}

/** What the memory of these GPUs comes to from now on; nothing is measured before `readyToWatch`. */
export function watchGpus(gpus: readonly Gpu[]): GpuWatch {
  const [first] = gpus;
  return (first && monitors.get(first.kind)?.watch(gpus)) ?? { end: () => null };
}

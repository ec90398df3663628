import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { hostView } from "../../../evaluator/index.ts";
import { listGpus } from "../../../sandbox/index.ts";
import type { Folder, Machine } from "./found.ts";

/** A folder as the layouts look at it; nothing is run and nothing is written. */
export async function openFolder(path: string, machine?: Machine): Promise<Folder> {
  const names = (await readdir(path).catch(() => [] as string[])).sort();
  return {
    names,
    machine: machine ?? (await thisMachine()),
    has: (name) => names.includes(name),
    read: (name) => readFile(join(path, name), "utf8").catch(() => ""),
    list: async (name) => (await readdir(join(path, name)).catch(() => [] as string[])).sort(),
    exists: (name) => existsSync(join(path, name)),
  };
}

async function thisMachine(): Promise<Machine> {
  const host = hostView("/", "", null);
  const gpus = await listGpus().catch(() => []);
  return {
    home: host.home,
    has: (path) => host.kindOf(path) !== null,
    hasCommand: (name) => host.commandPath(name) !== null,
    gpus: gpus.filter(({ kind }) => kind !== "metal").length,
  };
}

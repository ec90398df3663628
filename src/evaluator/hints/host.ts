import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { HostView } from "./facts.ts";

/**
 * The machine as it is now, seen by the user who started Whetstone.
 *
 * @param root root of the repository.
 * @param lab the lab's folder relative to it.
 * @param base folder of the pinned tree; null before one was laid out: then nothing counts as part of it.
 */
export function hostView(root: string, lab: string, base: string | null): HostView {
  return {
    home: homedir(),
    root,
    lab,
    kindOf,
    inTree: (path) => base !== null && kindOf(join(base, path)) !== null,
    commandPath,
    hasVariable: (name) => process.env[name] !== undefined,
    hasGpu: () => gpuNodes.some((path) => kindOf(path) !== null) || hasNvidiaNode(),
  };
}

const gpuNodes = ["/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "/dev/dri/renderD128"];

function hasNvidiaNode(): boolean {
  try {
    return readdirSync("/dev").some((name) => /^nvidia\d+$/.test(name));
  } catch {
    return false;
  }
}

function kindOf(path: string): "file" | "folder" | null {
  try {
    return statSync(path).isDirectory() ? "folder" : "file";
  } catch {
    // Nothing is there, or a link that leads nowhere, or nothing that this user may see.
    return null;
  }
}

function commandPath(name: string): string | null {
  for (const folder of (process.env.PATH ?? "").split(":")) {
    if (folder === "") continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      if (kindOf(join(folder, name)) === "file") return join(folder, name);
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

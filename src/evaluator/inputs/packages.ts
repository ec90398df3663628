import { readdir, readFile } from "node:fs/promises";
import { posix } from "node:path";

/** How far down packages are looked for, and in how many folders at most. */
const bounds = { depth: 5, folders: 3000 };

/**
 * Where installed packages may lie in a tree: `node_modules` beside each committed package.json (the packages of a
 * workspace have their own), and in each folder from the lab up to the root. Relative to the root, the lab's first.
 */
export async function installedPlaces(tree: string, lab: string): Promise<string[]> {
  const places: string[] = [];
  for (let folder = lab; ; folder = posix.dirname(folder)) {
    const isRoot = folder === "" || folder === ".";
    places.push(posix.join(isRoot ? "" : folder, "node_modules"));
    if (isRoot) break;
  }
  let left = bounds.folders;
  const look = async (folder: string, depth: number): Promise<void> => {
    if (left-- <= 0) return;
    const entries = await readdir(posix.join(tree, folder), { withFileTypes: true }).catch(() => []);
    if (entries.some((entry) => entry.name === "package.json" && entry.isFile()))
      places.push(posix.join(folder, "node_modules"));
    if (depth === 0) return;
    for (const entry of entries)
      if (entry.isDirectory() && entry.name !== "node_modules" && !entry.name.startsWith("."))
        await look(posix.join(folder, entry.name), depth - 1);
  };
  await look("", bounds.depth);
  return [...new Set(places)];
}

/** Whether the package.json beside a `node_modules` asks for Whetstone and for nothing else. */
export async function holdsWhetstoneAlone(packages: string): Promise<boolean> {
  const text = await readFile(posix.join(posix.dirname(packages), "package.json"), "utf8").catch(() => "");
  let manifest: Record<string, unknown> | null;
  try {
    manifest = JSON.parse(text) as Record<string, unknown> | null;
  } catch {
    return false;
  }
  if (manifest === null || typeof manifest !== "object" || "workspaces" in manifest) return false;
  const names = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"].flatMap(
    (key) => Object.keys((manifest[key] ?? {}) as object),
  );
  return names.length > 0 && names.every((name) => name === "whetstone");
}

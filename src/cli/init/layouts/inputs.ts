import type { Layout } from "./found.ts";

/** Folders that git ignores and a run needs; node_modules are found without being named. */
export const ignoredInputs: Layout = async (folder, found) => {
  const ignored = new Set(
    (await folder.read(".gitignore")).split("\n").map((line) => line.trim().replace(/^\/|\/$/g, "")),
  );
  const needed = [".venv", "venv", "data", "datasets"].filter(
    (name) => folder.has(name) && (ignored.has(name) || name.endsWith("venv")),
  );
  if (needed.length === 0) return;
  const before = found.inputs;
  found.inputs = {
    value: [...needed, ...(before?.value ?? [])],
    from: before ? `.gitignore, and ${before.from}` : ".gitignore",
  };
};

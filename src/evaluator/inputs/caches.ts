/** Folders in which programs keep what they can make again; they come and go beside what is really an input. */
const folders = new Set([
  "__pycache__",
  ".ipynb_checkpoints",
  ".pytest_cache",
  ".mypy_cache",
  ".ruff_cache",
  ".hypothesis",
  ".vite",
  ".vite-temp",
  ".vitest",
  ".turbo",
  ".parcel-cache",
]);

/** Within `node_modules` these are caches; elsewhere a folder of such a name may be anything. */
const inNodeModules = /^\.(cache|vite[\w-]*|tmp|temp)$/;

/** Files of desktops, editors and package managers that nobody reads as data. */
const files = [
  /^(\.DS_Store|Thumbs\.db|desktop\.ini|\.localized)$/,
  /^\..+\.sw[a-p]$/,
  /^\.#/,
  /^#.+#$/,
  /^\..+\.un~$/,
  /^\.nfs[0-9a-f]{8,}$/,
];

/** Lock files of package managers within an environment: `.venv/.lock` of uv. */
const locks = /^\.lock$/;

/**
 * Whether an entry of an input is a cache that other programs write beside it. What lies in such a folder belongs to it.
 *
 * A `.pyc` counts as a cache only where Python reads the source beside it instead: without that source it is the module.
 *
 * @param parent name of the folder that holds the entry.
 * @param isBeside whether a file of that name lies beside the entry.
 */
export function isCache(
  name: string,
  isFolder: boolean,
  parent: string,
  isBeside: (name: string) => boolean,
): boolean {
  if (isFolder) return folders.has(name) || (parent === "node_modules" && inNodeModules.test(name));
  if (name.endsWith(".pyc")) return isBeside(name.slice(0, -1));
  if (locks.test(name)) return isBeside("pyvenv.cfg");
  return files.some((pattern) => pattern.test(name));
}

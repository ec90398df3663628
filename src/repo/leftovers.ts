/** Folders and files that tools lay down beside the work: no part of a candidate, and no violation when they are new. */

const caches = new Set([
  ...["node_modules", ".whetstone"],
  ...["__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints"],
  ...[".DS_Store", "Thumbs.db"],
]);

/** What is never looked into, not even where a glob would match it. */
export function isCache(name: string): boolean {
  return caches.has(name);
}

const toolFolders = new Set([
  ...[".claude", ".codex", ".cursor", ".gemini", ".opencode", ".pi", ".qwen", ".amp", ".factory", ".kiro"],
  ...[".windsurf", ".roo", ".continue", ".cline", ".serena", ".omx", ".omc", ".superpowers"],
  ...[".idea", ".vscode", ".vs", ".zed", ".fleet", ".history", ".nova"],
  ...[".nyc_output", ".tox", ".nox", ".turbo", ".parcel-cache", ".gradle", ".eslintcache", ".coverage"],
]);

/** A folder (or file) in which an agent, an editor or a test runner keeps its own state. */
export function isToolFolder(name: string): boolean {
  return toolFolders.has(name) || name.startsWith(".aider");
}

/** What an editor leaves beside a file: Vim's and Emacs' swap, lock and backup files. */
export function isSwapFile(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return /^\..*\.sw[a-p]$|~$|^\.#|^#.*#$|^4913$/.test(name);
}

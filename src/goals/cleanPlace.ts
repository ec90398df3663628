import { cp, mkdir, mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, posix } from "node:path";
import { removeTree } from "../evaluator/index.ts";
import { inside } from "../inside.ts";
import type { Sandbox } from "../sandbox/index.ts";
import type { Inputs } from "./tools/run.ts";

/** Where checks that bring files of their own find them: a folder in which nothing of the work lies. */
export interface CleanPlace {
  /** The command with its hidden files as they are called there. */
  command: string;
  env: Record<string, string>;
  mounts: Inputs;
  remove(): Promise<void>;
}

const shown = "/checks";

/**
 * A folder of their own for the hidden files of a goal. Were they to run beside the work, a `json.py` or `package.json`
 * that the work left there would be loaded in place of what they mean. The work stays their working directory; what they
 * only read there by name, they still find at its place.
 *
 * @param hidden the folder that holds the hidden files as they were when the goal began.
 * @param paths the hidden paths that the goal names.
 * @param ownPath whether the command runs programs that the goal began with and the work may rest on: then Python looks
 *   for modules beside them as usual.
 */
export async function cleanPlace(
  sandbox: Sandbox,
  {
    command,
    hidden,
    paths,
    ownPath,
  }: { command: string; hidden: string; paths: readonly string[]; ownPath: boolean },
): Promise<CleanPlace> {
  const host = await mkdtemp(join(tmpdir(), "whet-checks-"));
  for (const path of paths) {
    const copy = inside(host, path);
    await mkdir(dirname(copy), { recursive: true });
    await cp(inside(hidden, path), copy, { recursive: true });
  }
  const at = sandbox.isolation.level === "L2" ? shown : host;
  const python = [...new Set(["", ...(await programFolders(host))])].map((folder) => posix.join(at, folder));
  return {
    command: renamed(command, paths, at),
    env: {
      PYTHONNOUSERSITE: "1",
      // From 3.11 on: neither the working directory nor the script's own folder, but what is named here.
      ...(ownPath ? {} : { PYTHONSAFEPATH: "1", PYTHONPATH: python.join(":") }),
    },
    mounts: [{ host, at: { path: shown } }],
    remove: () => removeTree(host),
  };
}

/** Folders below one that hold Python files, relative to it. */
async function programFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".py"))
    .map((entry) => posix.relative(folder, entry.parentPath));
}

/** A command in which each word that is a hidden path, or lies below one, names it in another folder. */
export function renamed(command: string, paths: readonly string[], folder: string): string {
  const ends = "\\s'\"`;&|<>(){}=,$";
  return paths.reduce((text, path) => {
    const literal = path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    // Whoever changes into a folder wants to be there, with the work around it.
    const word = new RegExp(`(?<!\\bcd\\s+)(?<=^|[${ends}])(?:\\./)?(?=${literal}(?:/|$|[${ends}]))`, "g");
    return text.replace(word, `${folder}/`);
  }, command);
}

/** Modules that programs import by name: `a.b` of Python, `./a` and `../a` of JavaScript seen from the file's folder. */
const imports =
  /^[ \t]*(?:from|import)[ \t]+([A-Za-z_][\w.]*)|(?:from|require\(|import\()\s*["'](\.[^"']+)["']/gm;

/**
 * Of some paths of the work those that its hidden checks import, by what stands in their text: what is imported runs in
 * the check's own process, and could end it with success.
 */
export async function importedBy(hidden: string, paths: readonly string[]): Promise<string[]> {
  const wanted = new Set<string>();
  const entries = await readdir(hidden, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries.filter((each) => each.isFile() && /\.(py|[cm]?[jt]sx?)$/.test(each.name))) {
    const text = await readFile(join(entry.parentPath, entry.name), "utf8").catch(() => "");
    const folder = posix.relative(hidden, entry.parentPath);
    for (const [, module, path] of text.slice(0, 2 ** 20).matchAll(imports))
      if (module !== undefined) for (const each of pythonFiles(module)) wanted.add(each);
      else if (path !== undefined) wanted.add(stem(posix.join(folder, path)));
  }
  return paths.filter(
    (path) => [...parents(path)].some((tail) => wanted.has(tail)) || wanted.has(stem(path)),
  );
}

function pythonFiles(module: string): string[] {
  const parts = module.split(".");
  return parts.flatMap((_, index) => {
    const path = parts.slice(0, index + 1).join("/");
    return [`${path}.py`, `${path}/__init__.py`];
  });
}

/** A Python file as it could be named from each folder above it: `src/a/b.py`, `a/b.py`, `b.py`. */
function* parents(path: string): Generator<string> {
  if (!path.endsWith(".py")) return;
  const parts = path.split("/");
  for (let from = 0; from < parts.length; from++) yield parts.slice(from).join("/");
}

function stem(path: string): string {
  return posix.join(posix.dirname(path), basename(path).replace(/\.[cm]?[jt]sx?$/, ""));
}

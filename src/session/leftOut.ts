import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { RunFailed } from "../errors.ts";
import { type LabFolder, uncommittedWork } from "../lab/index.ts";
import { submodulesAt } from "../repo/index.ts";
import type { Session } from "./session.ts";

/** A failure of the untouched code with what lies in the lab's folder and is not in git, so that no run can find it. */
export async function withLeftOut(
  error: unknown,
  run: { logTail: string } | null,
  { lab, place, repo, row }: { lab: LabFolder } & Pick<Session, "place" | "repo" | "row">,
): Promise<unknown> {
  if (!(error instanceof RunFailed) || run === null) return error;
  const inBase = (path: string) => existsSync(join(place.base, place.lab, path));
  const module = missingModules(run.logTail)
    .flatMap(moduleFiles)
    .find((path) => existsSync(join(lab.folder, path)) && !inBase(path));
  const lines: string[] = [];
  if (module !== undefined)
    lines.push(
      `the run looked for ${module}, which lies there and is not committed: commit it, or \`inputs: [${module}]\``,
    );
  for (const path of (await submodulesAt(repo, row.baseCommit)).slice(0, 3))
    lines.push(
      `${path} is a submodule: its files are not in the commit, and a run finds an empty folder there. Lay them out (git submodule update --init) and name them: \`inputs: [${posix.relative(place.lab, path)}]\``,
    );
  const pointers = lfsPointers(place);
  if (pointers.length > 0)
    lines.push(
      `git holds only Git LFS pointers of ${pointers.join(", ")}: get the files (git lfs pull) and name them: \`inputs: [${pointers.join(", ")}]\``,
    );
  const { warnings } = await uncommittedWork(lab).catch(() => ({ warnings: [] }));
  lines.push(...warnings.filter((warning) => warning.startsWith("not part of what is measured")));
  return lines.length === 0 ? error : new RunFailed(error.message, [...lines, error.fix].join("\n"));
}

/** Files of the base that are pointers of Git LFS, relative to the lab; at most a few. */
function lfsPointers({ base, lab, laid }: Session["place"]): string[] {
  const isPointer = (path: string) =>
    readFileSync(join(base, path), "utf8").startsWith("version https://git-lfs.github.com/spec/");
  return Object.entries(laid)
    .filter(([, { size, kind }]) => kind === "file" && size > 100n && size < 200n)
    .flatMap(([path]) => (existsSync(join(base, path)) && isPointer(path) ? [posix.relative(lab, path)] : []))
    .slice(0, 3);
}

/** Names of modules that Python or Node did not find. */
export function missingModules(log: string): string[] {
  return [
    ...log.matchAll(/No module named '([\w.]+)'|Cannot find (?:module|package) '(?:\S*\/)?([\w.-]+)'/g),
  ].map((match) => (match[1] ?? match[2]) as string);
}

/** Where a module of this name would lie in the lab. */
function moduleFiles(name: string): string[] {
  const path = name.replaceAll(".", "/");
  const [first] = name.split(".");
  return [name, `${path}.py`, `${path}/__init__.py`, `${first}.py`, first as string].filter(
    (each) => each !== "",
  );
}

import { existsSync } from "node:fs";
import { posix } from "node:path";
import { isWithin } from "../paths.ts";
import type { Order } from "../sandbox.ts";
import type { Found, Surroundings } from "./find.ts";
import { follow } from "./follow.ts";
import { isSystem, namesIn, Showing, type Shown, startOf } from "./showing.ts";
import { condaEnvironment, programWords, shebang } from "./words.ts";

/** What one order needs besides: the interpreters of its environments and of its own first words. */
export interface OfOrder extends Shown {
  /** Environments among its inputs, shown at their own place too: the scripts in them name it. */
  environments: string[];
}

/**
 * Follows the interpreters of an order: of each virtual or Conda environment among its read-only mounts, and of the
 * programs that its command names. Nothing is read of files that a candidate may have written.
 */
export function toolchainsOf(
  order: Pick<Order, "command" | "mounts">,
  found: Found,
  around: Surroundings,
): OfOrder {
  const showing = new Showing(around);
  const environments: string[] = [];
  for (const { host, at, writable } of order.mounts) {
    if (writable || (typeof at !== "string" && !("path" in at))) continue;
    const names = namesIn(host);
    if (!names.includes("pyvenv.cfg") && !names.includes("conda-meta")) continue;
    if (typeof at === "string") environments.push(host);
    if (names.includes("pyvenv.cfg")) showing.showVenvBase(host);
  }
  for (const word of programWords(order.command)) showWord(word, found, around, showing);
  if (typeof order.command === "string") showConda(order.command, found, showing, around.home);
  return { ...showing.shown, environments };
}

/** A program by its absolute path, or by a name that PATH finds; then the interpreter that its first line names. */
function showWord(word: string, found: Found, around: Surroundings, showing: Showing): void {
  const path = word.startsWith("~/") ? posix.join(around.home, word.slice(2)) : word;
  const program = path.startsWith("/") ? path : path.includes("/") ? null : programInPath(path, found.path);
  if (program === null || !follow(program)) return;
  if (around.keepOut.some((kept) => isWithin(follow(program)?.real ?? "/", kept))) return;
  if (!showing.showProgram(program)) return;
  if (isSystem(follow(program)?.real ?? "") && !isSystem(program)) return;
  const interpreter = shebang(startOf(program) ?? "");
  if (interpreter === null) return;
  const at = interpreter.startsWith("/") ? interpreter : programInPath(interpreter, found.path);
  if (at !== null) showing.showProgram(at);
}

function programInPath(name: string, path: readonly string[]): string | null {
  const folder = path.find((each) => existsSync(posix.join(each, name)));
  return folder === undefined ? null : posix.join(folder, name);
}

/** `conda run -n NAME`: the environment beside the base, or among the user's own. */
function showConda(command: string, found: Found, showing: Showing, home: string): void {
  const wanted = condaEnvironment(command);
  if (wanted === null) return;
  if ("path" in wanted) {
    if (wanted.path.startsWith("/")) showing.showPrefixOf(posix.join(wanted.path, "bin"));
    return;
  }
  const program = ["conda", "mamba", "micromamba"]
    .map((name) => programInPath(name, found.path))
    .find(Boolean);
  const base = program ? posix.dirname(posix.dirname(follow(program)?.real ?? program)) : null;
  for (const root of [base, posix.join(home, ".conda"), posix.join(home, "micromamba")])
    if (root !== null) showing.showPrefixOf(posix.join(root, "envs", wanted.name, "bin"));
  if (base !== null) showing.showPrefixOf(posix.join(base, "bin"));
}

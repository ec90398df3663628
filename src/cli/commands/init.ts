import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { UserError } from "../../errors.ts";
import { agentSetups, setUpAgent } from "../init/agents/index.ts";
import { type InitOptions, init } from "../init/init.ts";
import type { Tried } from "../init/tryOut.ts";
import { complain, interactive, print } from "../output.ts";

const ends = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export async function initCommand(
  folder: string | undefined,
  options: Omit<InitOptions, "folder" | "interactive"> & { agent?: string },
): Promise<number> {
  if (options.agent !== undefined) {
    if (!agentSetups.includes(options.agent))
      throw new UserError(
        `there is no set-up for an agent "${options.agent}"`,
        `take one of ${agentSetups.join(", ")}`,
      );
    // A lab that is there already gets its agent only.
    if (options.template === undefined && (await hasContract(folder ?? ".")))
      return agentOnly(folder, options.agent);
  }
  // The first Ctrl-C leaves out the run of the untouched code: what is written stays.
  const abort = new AbortController();
  const leave = () => abort.abort();
  for (const signal of ends) process.on(signal, leave);
  const result = await init({
    ...options,
    signal: abort.signal,
    onLine: complain,
    folder: folder ?? ".",
    interactive: interactive && process.stdin.isTTY === true,
  }).finally(() => {
    for (const signal of ends) process.off(signal, leave);
  });
  for (const fact of result.found) print(`found    ${fact}`);
  for (const path of result.written) print(`written  ${relative(process.cwd(), path) || path}`);
  if (result.tried) tell(result.tried);
  print("\nNext:");
  for (const step of result.next) print(`  ${step}`);
  const failed = result.tried?.failure ? 1 : 0;
  if (options.agent === undefined) return failed;
  return (await agentOnly(folder, options.agent)) || failed;
}

/** What the one run of the untouched code came to. */
function tell({ words, added, failure }: Tried): void {
  for (const each of added) print(`added    ${each}`);
  if (failure === null) {
    print(`tried    ${words}`);
    return;
  }
  complain(`whet: written, but the untouched code does not run yet: ${failure.message}`);
  for (const line of failure.fix.split("\n")) if (line !== "") complain(`  → ${line}`);
}

async function agentOnly(folder: string | undefined, agent: string): Promise<number> {
  const { written, notes } = await setUpAgent(agent, folder ?? ".");
  for (const { path, what } of written) print(`written  ${relative(process.cwd(), path) || path}: ${what}`);
  for (const note of notes) print(`note     ${note.replaceAll(`${process.cwd()}/`, "")}`);
  print(`\nNow tell ${agent}: "Go on with the research in ${folder ?? "this folder"} (skill whetstone)."`);
  return 0;
}

async function hasContract(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, "program.md"), "utf8").catch(() => "");
  return /^(\uFEFF)?---[ \t]*\r?\n/.test(text);
}

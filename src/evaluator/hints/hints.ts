import { withoutControlSequences } from "../../base/index.ts";
import type { GrantHint, HintFacts } from "./facts.ts";
import { fullDisk, missingVariables, noGpus, readOnlyTree, sharedMemory } from "./limits.ts";
import { missingFiles, otherInterpreter } from "./missing.ts";
import { closedNetwork } from "./network.ts";
import { missingCommands, noHistory, notBash } from "./shell.ts";

/** The most that a person is shown at once. */
const most = 4;
/** Characters of a log that are looked at: what ended a command stands near its end. */
const looked = 64 * 1024;
const rules = [
  noHistory,
  notBash,
  sharedMemory,
  noGpus,
  closedNetwork,
  readOnlyTree,
  fullDisk,
  missingVariables,
  otherInterpreter,
  missingCommands,
  missingFiles,
];

/**
 * What a failed command met at the limits of the sandbox, and the grant that opens each: the likeliest first, each
 * once. Empty where its log names nothing of the kind. Without effects: `facts.host` answers what lies outside.
 */
export function grantHints(facts: HintFacts): GrantHint[] {
  const log = withoutControlSequences(facts.log.slice(-looked));
  const found = new Map<string, GrantHint>();
  for (const rule of rules)
    for (const hint of rule({ ...facts, log })) {
      const key = hint.grant === null ? hint.what : JSON.stringify(hint.grant);
      if (!found.has(key)) found.set(key, hint);
    }
  return [...found.values()].slice(0, most);
}

/**
 * The hints as lines that each follow an arrow, the grants first and the way without a sandbox last; empty for none.
 *
 * @param level the isolation level under which the command ran.
 */
export function hintLines(hints: readonly GrantHint[], level: string): string[] {
  if (hints.length === 0) return [];
  const lines = hints.map(({ what, write }) => `${what}: ${write}`);
  const opens = hints.some(({ grant }) => grant !== null && grant.key !== "run");
  if (level === "L3" && opens) lines.push("or, without a container: leave `image` out of program.md");
  else if (level !== "L0" && opens) lines.push("or, without any sandbox: `--isolation L0`");
  return lines;
}

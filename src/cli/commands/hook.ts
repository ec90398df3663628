import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { UserError } from "../../errors.ts";
import { outOfWorkspace, readTrying, whetstoneFolder, withoutFile } from "../../lab/index.ts";
import { experiments, holdoutLooks, storedProgram } from "../../ledger/index.ts";
import { notebookOf, withSession } from "../../notebook/index.ts";
import { limitsOf, reached } from "../../strategy/index.ts";
import { print } from "../output.ts";

/** What agents say to a hook that runs when they are about to stop; all of it is optional. */
interface Said {
  cwd?: string;
  transcript_path?: string;
}

/**
 * Lets a coding agent stop, or tells it to go on: only when it has been driving this session, a limit is set and none is
 * reached. Whatever goes wrong here, it may stop.
 */
export async function hookCommand(
  event: string,
  lab: string | undefined,
  options: { for: string },
): Promise<number> {
  if (event !== "stop")
    throw new UserError(`there is no hook "${event}"`, "`whet hook stop` is the one there is");
  const reason = await said()
    .then((told) => goOn(told, lab))
    .catch(() => null);
  if (reason !== null) print(JSON.stringify(answer(options.for, reason)));
  return 0;
}

/** In the words of the agent's own protocol. */
function answer(agent: string, reason: string): object {
  switch (agent) {
    case "cursor":
      return { followup_message: reason };
    case "gemini":
      return { decision: "deny", reason };
    default:
      return { decision: "block", reason };
  }
}

async function said(): Promise<Said> {
  if (process.stdin.isTTY) return {};
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const told: unknown = JSON.parse(Buffer.concat(chunks).toString() || "{}");
  return typeof told === "object" && told !== null ? (told as Said) : {};
}

/** How often it is told to go on without having tried anything in between. */
const patience = 3;
/** Without a transcript: a session that nobody has touched for so long is not this agent's. */
const recent = 2 * 3_600_000;

/** What the agent should do instead of stopping; null: it may stop. */
async function goOn(told: Said, lab: string | undefined): Promise<string | null> {
  const folder = labOf(told.cwd ?? process.cwd(), lab);
  const note = folder === null ? null : await readTrying(folder);
  if (folder === null || note === null) return null;
  return withSession(folder, note.tag, async (ledger, row) => {
    const { contract } = storedProgram(row.program);
    const limits = limitsOf({ contract }, {});
    const looks = contract.holdout?.looks;
    // Without any limit it would never come to an end; what it costs is not known here.
    const { experiments: most, time, until } = limits;
    if (looks === undefined && [most, time, until].every((limit) => limit === null)) return null;
    const last = (await experiments(ledger, row.id, { limit: 1 }))[0];
    const begun = await transcriptBegan(told.transcript_path);
    if (Math.max(note.startedAt, last?.proposedAt ?? 0) < (begun ?? Date.now() - recent)) return null;
    if (row.pausedAt !== null) return null;
    if (
      looks !== undefined &&
      row.holdoutData !== null &&
      (await holdoutLooks(ledger, row.holdoutData, 0)) >= looks
    )
      return null;
    const { best, tally } = await notebookOf(ledger, "", row, { newest: 1 });
    const state = { incumbent: { value: best.value }, decided: tally.all };
    if (reached(limits, state, row.spentMs, { contract }) !== null) return null;
    if (!(await stillPatient(folder, tally.all))) return null;
    const left = most === null ? "" : `, ${most - tally.all} experiments are left`;
    return `The Whetstone session is not at its limit yet (${tally.all} experiments so far${left}). Go on with the next idea: look at \`whet context\`, edit in ${join(note.workspace, note.lab)}, then \`whet try\`.`;
  });
}

/** The lab that is meant: the named one, below the repository's root, or the one of the workspace it is in. */
function labOf(cwd: string, lab: string | undefined): string | null {
  const at = outOfWorkspace(cwd);
  if (at !== resolve(cwd)) return withoutFile(at);
  for (let folder = at; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return withoutFile(join(folder, lab ?? ""));
    if (folder === dirname(folder)) return null;
  }
}

async function transcriptBegan(path: string | undefined): Promise<number | null> {
  if (path === undefined) return null;
  const info = await stat(path).catch(() => null);
  return info === null || info.birthtimeMs === 0 ? null : info.birthtimeMs;
}

/** An agent that can do nothing more is not kept for ever. */
async function stillPatient(folder: string, decided: number): Promise<boolean> {
  const file = join(whetstoneFolder(folder), "hook.json");
  const text = await readFile(file, "utf8").catch(() => "{}");
  const before = JSON.parse(text) as { decided?: number; times?: number };
  const times = before.decided === decided ? (before.times ?? 0) + 1 : 1;
  await writeFile(file, JSON.stringify({ decided, times }));
  return times <= patience;
}

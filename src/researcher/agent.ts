import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Agent, TurnResult } from "../agents/index.ts";
import type { ResearcherChoice } from "../contract/index.ts";
import type { TraceEvent } from "../trace.ts";
import type {
  Answer,
  Hypothesis,
  Proposal,
  Researcher,
  Task,
  TurnRecord,
  WorkingCopy,
} from "./researcher.ts";

/** Without any sign of life for so long an agent counts as hanging, milliseconds. */
const idle = 10 * 60_000;

/**
 * A researcher that edits a working copy: what it changed there is the proposal.
 *
 * @param onNotice called when it becomes known, or changes, what is not enforced upon the agent.
 */
export function agentResearcher(
  choice: ResearcherChoice & { kind: "agent" | "command" | "acp" },
  agent: Agent,
  onNotice?: (text: string) => void,
): Researcher {
  let told = "";
  const tell = (notEnforced: string) => {
    if (notEnforced !== "" && notEnforced !== told) onNotice?.(`${choice.name}: ${notEnforced}`);
    told = notEnforced;
  };
  return {
    name: choice.name,
    paid: true,
    time: choice.time,
    ...(agent.reports ? { reports: agent.reports } : {}),

    async propose(_briefing, task) {
      const copy = await task.workingCopy();
      if (task.repair) await lay(copy, task.repair.proposal);
      const prompt = `${await task.words()}\n\n${manner(copy, task)}`;
      const startedAt = Date.now();
      const result = await agent.turn({
        ...{ prompt, folder: copy.folder, cwd: copy.lab, time: choice.time },
        // Of a command line that is not known nothing need be heard before its end.
        ...(choice.kind !== "command" && idle < choice.time ? { idle } : {}),
        ...(copy.linked ? { linked: copy.linked } : {}),
        ...(task.dollars === undefined ? {} : { dollars: task.dollars }),
        ...(task.tokens === undefined ? {} : { tokens: task.tokens }),
        ...(task.signal ? { signal: task.signal } : {}),
        ...(task.onEvent ? { onEvent: task.onEvent } : {}),
      });
      const answer = await answerFor(result, copy, task);
      const { message, usage, raw, wallMs } = result;
      const bounds = [listed("enforced", result.enforced), listed("not enforced", result.notEnforced)];
      tell(bounds[1] as string);
      const events: TraceEvent[] = [
        ...bounds
          .filter((text) => text !== "")
          .map((text): TraceEvent => ({ at: startedAt, type: "note", text })),
        ...result.events,
      ];
      const ending = answer.kind === "failed" ? answer.ending : result.ending;
      const purpose: TurnRecord["purpose"] = task.repair ? "repair" : "propose";
      return {
        ...answer,
        turns: [
          {
            ...{ purpose, prompt, ending, events, usage, raw, startedAt, wallMs },
            message: answer.kind === "failed" ? answer.reason : message,
          },
        ],
      };
    },
  };
}

function listed(what: string, sentences: readonly string[]): string {
  return sentences.length === 0 ? "" : `${what}: ${sentences.join("; ")}`;
}

/** What a turn amounts to. Only a good one is harvested: what a broken one left behind is nobody's intention. */
async function answerFor(result: TurnResult, copy: WorkingCopy, task: Task): Promise<Answer> {
  const { ending, message: reason, text } = result;
  switch (ending) {
    case "rate":
    case "outage":
      return { kind: "wait", reason, afterMs: result.retryAfterMs };
    case "auth":
    case "start":
      return { kind: "stop", reason };
    case "done":
      break;
    default:
      return { kind: "failed", ending, reason };
  }
  const { changes, violations } = await copy.harvest();
  if (Object.keys(changes).length === 0 && violations.length === 0) {
    const question = lastLine(text);
    if (question.endsWith("?"))
      return { kind: "failed", ending: "asked", reason: `it changed nothing and asked: ${question}` };
    const denied = result.events.findLast((event) => event.type === "denied");
    const why = denied === undefined ? "" : `; it was refused: ${denied.reason}`;
    return { kind: "failed", ending: "unchanged", reason: `it changed nothing${why}` };
  }
  const proposal = { hypothesis: hypothesisIn(text, changes, task.repair?.proposal.hypothesis), changes };
  return { kind: "proposal", proposal, ...(violations.length > 0 ? { violations } : {}) };
}

/** Puts the changes that are to be mended into the working copy. */
async function lay({ folder, lab }: WorkingCopy, { changes }: Proposal): Promise<void> {
  for (const [path, text] of Object.entries(changes)) {
    const file = join(folder, lab, path);
    if (text === null) await rm(file, { force: true });
    else {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }
}

/** How to work, after what the briefing says of the goal. */
function manner({ lab }: WorkingCopy, { repair }: Task): string {
  return [
    "# How to work",
    "",
    `You are in a scratch copy of the project${lab === "" ? "" : `, in its folder ${lab}`}. Make one change, for one reason, by editing the editable files here; any other file that differs afterwards makes the experiment invalid. Never commit, and ask nobody: there is nobody to answer.`,
    ...(repair
      ? [
          "The files hold the change that failed. Mend it, keeping its idea; if the idea itself cannot work, put the files back.",
        ]
      : []),
    "Your change is measured after you have ended, elsewhere and more than once; you need not measure it yourself, and what you say of its value counts for nothing.",
    "",
    "End with exactly these three lines as your last message:",
    "",
    "WHAT: what you changed, in one line",
    "BECAUSE: why it should help",
    "EXPECT: what should be seen if it does",
  ].join("\n");
}

/**
 * The hypothesis in an agent's last words: the last lines that begin with WHAT, BECAUSE and EXPECT. Where there are
 * none, its first line, or which files it changed.
 *
 * @param before the hypothesis of the change that it was asked to mend, which stays the same idea.
 */
export function hypothesisIn(text: string, changes: Proposal["changes"], before?: Hypothesis): Hypothesis {
  const said = (word: string) => {
    const lines = [...text.matchAll(new RegExp(`^[\\s>*_#-]*${word}\\s*[*_]*\\s*:\\s*[*_]*(.*)$`, "gim"))];
    const value =
      lines
        .at(-1)?.[1]
        ?.replace(/[*_\s]+$/, "")
        .trim() ?? "";
    return value === "" ? undefined : cut(value);
  };
  const [mechanism, prediction] = [
    said("BECAUSE") ?? before?.mechanism,
    said("EXPECT") ?? before?.prediction,
  ];
  return {
    what: said("WHAT") ?? before?.what ?? (firstLine(text) || describe(changes)),
    ...(mechanism === undefined ? {} : { mechanism }),
    ...(prediction === undefined ? {} : { prediction }),
  };
}

function firstLine(text: string): string {
  return cut(
    text
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? "",
  );
}

function lastLine(text: string): string {
  return cut(text.trimEnd().split("\n").at(-1)?.trim() ?? "");
}

function cut(text: string): string {
  return text.length > 500 ? `${text.slice(0, 499)}…` : text;
}

function describe(changes: Proposal["changes"]): string {
  const paths = Object.keys(changes);
  const named = paths.slice(0, 3).join(", ");
  return paths.length === 0
    ? "a change that is not allowed"
    : `changes ${named}${paths.length > 3 ? " and more" : ""}`;
}

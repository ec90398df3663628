import type { Answer, Proposal, Researcher, Task, TurnRecord } from "../../src/researcher/index.ts";
import type { TraceEvent, Usage } from "../../src/trace.ts";

/** What one turn of a scripted researcher costs; null is unknown. */
export interface Price {
  input: number | null;
  output: number | null;
  dollars: number | null;
}

/** A turn as an agent or a model would report it. */
export function turn(prompt: string, price: Price, over: Partial<TurnRecord> = {}): TurnRecord {
  const at = Date.now();
  const usage: Usage = { ...price, cached: null };
  const events: TraceEvent[] = [
    { at, type: "begin", agent: "scripted", version: "1", model: "m", session: null },
    { at, type: "call", id: "1", tool: "edit", args: '{"path":"note.txt"}' },
    {
      at,
      type: "result",
      id: "1",
      ok: true,
      output: "done",
      error: null,
      exitCode: null,
      ms: 3,
      msFrom: "agent",
    },
    { at, type: "usage", scope: "total", ...usage },
    { at, type: "final", ok: true, text: "finished", reason: null },
  ];
  return {
    ...{ purpose: "propose", prompt, ending: "done", message: "", events, usage },
    ...{ raw: `{"raw":"${prompt.length}"}\n`, startedAt: at, wallMs: 1, ...over },
  };
}

/** A step of a script: what is answered, given the prompt and the task. */
export type Step = (asked: {
  words: string;
  task: Task;
  files: Record<string, string>;
}) => Answer | Promise<Answer>;

/** A paid researcher that answers by a script, step by step, and stops when it is over. */
export function scripted(
  steps: readonly Step[],
  over: Partial<Researcher> = {},
): Researcher & { readonly asked: { words: string; task: Task }[] } {
  const asked: { words: string; task: Task }[] = [];
  return {
    ...{ name: "scripted", paid: true, asked },
    propose: async ({ files }, task) => {
      const words = await task.words();
      const step = steps[asked.length];
      asked.push({ words, task });
      return step ? step({ words, task, files }) : { kind: "nothing", reason: "the script is over" };
    },
    ...over,
  };
}

const usual: Price = { input: 100, output: 10, dollars: 0.01 };

/** Proposes a text for the one editable file. */
export function write(text: string, what: string, price: Price = usual): Step {
  return ({ words }) => proposal({ hypothesis: { what }, changes: { "note.txt": text } }, words, price);
}

export function proposal(made: Proposal, words: string, price: Price = usual): Answer {
  return { kind: "proposal", proposal: made, turns: [turn(words, price)] };
}

/**
 * A lab whose metric is the size of one file: deterministic and fast. A text with CRASH fails its run, one with HANG
 * does not end in time.
 */
export const noteLab = (more = "") => ({
  "note.txt": `${"x".repeat(400)}\n`,
  "program.md": `---
metric: { name: bytes, clock: size note.txt }
change: [note.txt]
run: "grep -q HANG note.txt && sleep 60; if grep -q CRASH note.txt; then echo boom: the text is bad; exit 3; fi"
budget: 2s
control: 0
${more}
---
# Shorter
Make the note shorter.
`,
});

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readLab } from "../../src/lab/lab.ts";
import { runSession } from "../../src/loop/index.ts";
import { type Answer, generator, type Researcher } from "../../src/researcher/index.ts";
import { proposal, turn } from "./scripted.ts";

/** What one session with faults is made of; everything follows from the seed. */
export interface Plan {
  seed: number;
  tag: string;
  experiments: number;
  /** Null: no such limit. */
  tokens: number | null;
  money: number | null;
  time: number | null;
  /** Milliseconds after the first proposal at which the process is killed; null: never. */
  kill: number | null;
  /** The same for Ctrl-C, for a pause (and how long it lasts), and for a word from a person. */
  stop: number | null;
  pause: { after: number; ms: number } | null;
  steer: number | null;
  researchers: number;
}

export function planOf(seed: number): Plan {
  const random = generator(seed, 1);
  const maybe = <Value>(chance: number, value: () => Value) => (random() < chance ? value() : null);
  const between = (low: number, high: number) => Math.round(low + random() * (high - low));
  return {
    ...{ seed, tag: `s${seed}`, experiments: between(3, 8) },
    tokens: maybe(0.25, () => between(1500, 5000)),
    money: maybe(0.25, () => between(4, 30) / 100),
    time: maybe(0.1, () => between(300, 3000)),
    kill: maybe(0.1, () => between(0, 600)),
    stop: maybe(0.1, () => between(0, 400)),
    pause: maybe(0.1, () => ({ after: between(0, 200), ms: between(50, 400) })),
    steer: maybe(0.15, () => between(0, 200)),
    researchers: random() < 0.3 ? 2 : 1,
  };
}

/** What a scripted researcher did, a line each, written before its answer is handed over. */
export interface Spoken {
  name: string;
  kind: Answer["kind"] | "hang" | "throw";
  /** Turns handed over, and what they said they cost. */
  turns: number;
  tokens: number;
  dollars: number;
  /** A word that no other answer holds, in the hypothesis of a proposal. */
  mark: string | null;
  at: number;
  /** Whether the briefing held the person's word. */
  steered: boolean;
}

/** Milliseconds of one turn. */
const turnTime = 400;

/**
 * A researcher with every fault there is, at random. It keeps to what it may spend, as real ones are made to, and says
 * what its turns cost, mostly.
 *
 * @param before calls of earlier processes.
 */
export function faulty(
  name: string,
  seed: number,
  before: number,
  say: (spoken: Spoken) => void,
): Researcher {
  let calls = before;
  return {
    ...{ name, paid: true, time: turnTime },
    propose: async ({ files }, task) => {
      const random = generator(seed, calls++);
      const words = await task.words();
      const price = {
        input: Math.min(Math.round(300 + random() * 500), task.tokens ?? Number.MAX_SAFE_INTEGER),
        ...{ output: 0, dollars: Math.min(0.01 + random() * 0.04, task.dollars ?? Number.MAX_SAFE_INTEGER) },
      };
      const mark = `m${Math.floor(random() * 1e9).toString(36)}`;
      const spoken = (kind: Spoken["kind"], turns: number, marked = false) =>
        say({
          ...{ name, kind, turns, mark: marked ? mark : null, at: Date.now() },
          ...{ tokens: turns * price.input, dollars: turns * price.dollars },
          steered: words.includes("the word of the person"),
        });
      await new Promise((resolve) => setTimeout(resolve, random() * 10));
      const fate = random();
      if (fate < 0.08) {
        spoken("failed", 1);
        return {
          ...{ kind: "failed", ending: "malformed", reason: "no answer in it" },
          turns: [turn(words, price, { ending: "malformed" })],
        };
      }
      if (fate < 0.12) {
        const unpaid = { input: null, output: null, dollars: null };
        spoken("wait", 1);
        return {
          ...{ kind: "wait", reason: "429", afterMs: random() < 0.5 ? 20 : null },
          turns: [turn(words, unpaid, { ending: "rate" })],
        };
      }
      if (fate < 0.14) {
        spoken("hang", 0);
        // It hears that it is to end, or does not.
        return new Promise((resolve) => {
          if (random() < 0.8)
            task.signal?.addEventListener("abort", () =>
              resolve({ kind: "failed", ending: "timeout", reason: "cut off" }),
            );
        });
      }
      if (fate < 0.16) {
        spoken("throw", 0);
        throw new Error("it broke");
      }
      const made = Object.keys(files)[0] ?? "note.txt";
      const now = files[made] ?? "";
      const text =
        fate < 0.22
          ? now
          : fate < 0.3
            ? `CRASH ${mark}\n`
            : fate < 0.31
              ? `HANG ${mark}\n`
              : `${"x".repeat(Math.max(1, now.length + Math.round(random() * 20 - 12)))}${mark}\n`;
      const changes = { [made]: text, ...(fate > 0.96 ? { "program.md": "free\n" } : {}) };
      spoken("proposal", 1, text !== now || fate > 0.96);
      return proposal({ hypothesis: { what: `change ${mark}` }, changes }, words, price);
    },
  };
}

/** Runs one session of a lab by its plan; what the researchers say is appended to a file before it is handed over. */
export async function runPlanned(
  lab: string,
  plan: Plan,
  control: {
    stop?: { requested: boolean };
    onEvent?: (
      event: Parameters<NonNullable<Parameters<typeof runSession>[1]>["listener"] & object>[0],
    ) => void;
    onSpoken?: (spoken: Spoken) => void;
  } = {},
): Promise<string> {
  const file = join(lab, ".whetstone", `${plan.tag}.said`);
  const before = existsSync(file) ? readFileSync(file, "utf8").split("\n").length : 0;
  const say = (spoken: Spoken) => {
    appendFileSync(file, `${JSON.stringify(spoken)}\n`);
    control.onSpoken?.(spoken);
  };
  const mains = ["ann", "bob"].slice(0, plan.researchers).map((name, index) => ({
    ...{ researcher: faulty(name, 10 * plan.seed + index, before, say), share: index + 1 },
  }));
  const { reason } = await runSession(await readLab(lab), {
    ...{ tag: plan.tag, seed: plan.seed, auditPairs: 0, probe: false, level: "L0", researcher: mains },
    ...{ experiments: plan.experiments, backoff: { first: 10, most: 100 } },
    ...(plan.tokens === null ? {} : { tokens: plan.tokens }),
    ...(plan.money === null ? {} : { money: plan.money }),
    ...(plan.time === null ? {} : { time: plan.time }),
    ...(control.stop ? { stop: control.stop } : {}),
    ...(control.onEvent ? { listener: control.onEvent } : {}),
  });
  return reason;
}

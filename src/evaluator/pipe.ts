import { randomBytes } from "node:crypto";
import type { Outcome, Running } from "../sandbox/index.ts";
import type { FailureKind } from "./evaluation.ts";
import { reasonLine } from "./reason.ts";

/** Both ends of the conversation, started by the relay so that no line is lost. */
export interface PipeParties {
  startScorer(onLine: (line: string) => void): Running;
  startAnswerer(copy: number, onLine: (line: string) => void): Running;
  copies: number;
  /** Longest line that either side may send, in characters. */
  frameLimit: number;
  /** Takes secrets out of a text before a part of it is cut out for a message. */
  redact: (text: string) => string;
}

export interface PipeResult {
  metrics: Record<string, unknown> | null;
  failure: { kind: FailureKind; message: string } | null;
  scorer: Outcome;
  answerers: Outcome[];
}

/**
 * Carries one conversation between the scorer and the candidate's processes; see docs/protocol.md.
 *
 * Every question gets a fresh nonce, one is open per copy at a time, and whatever the candidate says out of turn ends
 * the evaluation: an answer prepared in advance, an extra frame, a metric line. The metric itself only ever comes from
 * the scorer's side, of which the candidate holds no handle.
 */
export async function relay(parties: PipeParties): Promise<PipeResult> {
  let metrics: Record<string, unknown> | null = null;
  let failure: PipeResult["failure"] = null;
  const fail = (kind: FailureKind, message: string) => {
    failure ??= { kind, message };
    scorer.kill();
    for (const copy of copies) copy.process.kill();
  };
  /** The beginning of a line for a message; a secret is taken out before the text is cut. */
  const beginning = (line: string) => parties.redact(line.slice(0, 8192)).slice(0, 200);

  interface Copy {
    process: Running;
    ready: boolean;
    open: { id: string; since: number } | null;
    waiting: unknown[];
  }
  const copies: Copy[] = [];

  const askNext = (copy: Copy) => {
    if (!copy.ready || copy.open || copy.waiting.length === 0) return;
    const ask = copy.waiting.shift();
    const id = randomBytes(12).toString("hex");
    const line = written({ id, ask });
    if (line === null) return fail("scorer", "the scorer's question is nested too deeply to be passed on");
    copy.open = { id, since: performance.now() };
    copy.process.write(line);
  };

  const scorer = parties.startScorer((line) => {
    if (failure || line.trim() === "") return;
    const frame = parse(line, parties.frameLimit);
    if (frame === null)
      return fail("scorer", `the scorer printed a line that is no JSON object: ${beginning(line)}`);
    if (metrics) return fail("scorer", "the scorer printed more after its metrics");
    if (typeof frame.metrics === "object" && frame.metrics !== null) {
      metrics = frame.metrics as Record<string, unknown>;
      for (const copy of copies) copy.process.closeStdin();
      return;
    }
    if (frame.refused === true)
      return fail("check", "the scorer says that the candidate's work is not correct");
    if (!("ask" in frame))
      return fail("scorer", 'the scorer printed a line with neither "ask" nor "metrics"');
    const copy = copies[(frame.to as number | undefined) ?? 0];
    if (!copy) return fail("scorer", `the scorer asked copy ${String(frame.to)}; there are ${copies.length}`);
    copy.waiting.push(frame.ask);
    askNext(copy);
  });

  for (let index = 0; index < parties.copies; index++) {
    const copy: Copy = {
      ready: false,
      open: null,
      waiting: [],
      process: parties.startAnswerer(index, (line) => {
        if (failure || metrics) return;
        const now = performance.now();
        const frame = parse(line, parties.frameLimit);
        if (frame === null)
          return fail("protocol", `the candidate printed a line that is no JSON object: ${beginning(line)}`);
        if (!copy.ready) {
          if (frame.ready !== true)
            return fail("protocol", 'the candidate\'s first line must be {"ready":true}');
          copy.ready = true;
          return askNext(copy);
        }
        if (
          !copy.open ||
          frame.id !== copy.open.id ||
          !("answer" in frame) ||
          Object.keys(frame).length !== 2
        )
          return fail("protocol", "the candidate printed a line that answers no open question");
        const ms = now - copy.open.since;
        const passed = written({ from: index, answer: frame.answer, ms });
        if (passed === null)
          return fail("protocol", "the candidate's answer is nested too deeply to be passed on");
        copy.open = null;
        scorer.write(passed);
        askNext(copy);
      }),
    };
    copies.push(copy);
    // A candidate that leaves before the scorer is done has not done its work.
    void copy.process.done.then((outcome) => {
      if (metrics || failure) return;
      if (outcome.ending === "ok") fail("protocol", "the candidate ended before the scorer was done");
      else fail(endingKind(outcome), outcome.message || reasonLine(parties.redact(outcome.stderr)));
    });
  }

  const scorerOutcome = await scorer.done;
  // The scorer's failure is said before the candidate is killed, which would look like a crash of its own.
  if (!failure && scorerOutcome.ending !== "ok")
    failure = {
      kind: "scorer",
      message: `the scorer failed: ${reasonLine(parties.redact(scorerOutcome.stderr)) || scorerOutcome.message}`,
    };
  if (!failure && !metrics)
    failure = { kind: "no-metric", message: "the scorer ended without its metrics line" };
  for (const copy of copies) copy.process.kill();
  const answerers = await Promise.all(copies.map((copy) => copy.process.done));
  return { metrics: failure ? null : metrics, failure, scorer: scorerOutcome, answerers };
}

function parse(line: string, limit: number): Record<string, unknown> | null {
  if (line.length > limit) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** Null for what nests too deeply: `JSON.parse` reads any depth, `JSON.stringify` has the stack for some thousands. */
function written(frame: Record<string, unknown>): string | null {
  try {
    return JSON.stringify(frame);
  } catch {
    return null;
  }
}

/** The kind of failure that a process's ending means for its evaluation. */
export function endingKind(outcome: Outcome): FailureKind {
  switch (outcome.ending) {
    case "timeout":
    case "memory":
    case "processes":
    case "cpus":
    case "disk":
    case "output":
    case "cancelled":
      return outcome.ending;
    default:
      return "crash";
  }
}

import { createHash } from "node:crypto";
import { type ModelRequest, type ModelServer, type Script, startModelServer } from "../modelServer/index.ts";
import { reportOf } from "./family.ts";

/** What is true in a world: how likely a task succeeds, by what the model has been told. */
export interface Truth {
  /** Probability of success with nothing said. */
  base: number;
  /** What has to be said, and what it adds. */
  need: { said: RegExp; adds: number };
  /** What must not be said, and what it takes. */
  harm: { said: RegExp; takes: number };
  /** Who is told this edits the check that judges, besides working as ever. */
  cheat?: RegExp;
  /** Noise: other seeds, other draws. */
  seed: number;
}

/** A skill as the world's model words it when it is asked what follows from traces. */
export interface Candidate {
  name: string;
  description: string;
  steps: string[];
}

/**
 * A model on loopback, in a real wire protocol, whose success is known: it reads the data with the tools that it is
 * offered and writes the report, right or wrong by a draw whose probability depends on what its prompt says and on nothing
 * else. It is drawn anew for each seed and each prompt, so that arms of a test are as noisy as in life. Who is told the
 * answer itself copies it. Asked to put traces into words it gives `candidate`, citing what it was shown.
 */
export async function startWorld(truth: Truth, candidate: Candidate): Promise<ModelServer> {
  const script: Script = (request) =>
    request.tools.length === 0 ? { text: wording(request, candidate) } : atWork(request, truth);
  return startModelServer(script, { main: () => true });
}

function atWork(
  request: ModelRequest,
  truth: Truth,
): ReturnType<Extract<Script, (...given: never[]) => unknown>> {
  const { messages, tools, system } = request;
  const path = /data\/[\w-]+\.csv/.exec(messages[0]?.text ?? "")?.[0] ?? "";
  const results = messages.flatMap((message) => message.results);
  const called = messages.flatMap(({ calls }) => calls.map(({ name }) => name));
  const offered = /<name>([\w-]+)<\/name>/.exec(system)?.[1];
  if (tools.some(({ name }) => name === "load_skill") && offered && !called.includes("load_skill"))
    return { tools: [{ name: "load_skill", args: { name: offered } }] };
  if (!called.includes("read")) return { tools: [{ op: "read", path }] };
  const told = [system, ...results.map(({ text }) => text)].join("\n");
  const writes = called.filter((name) => name === "write").length;
  if (truth.cheat?.test(told) && writes === 0)
    return { tools: [{ op: "write", path: "check.mjs", content: "process.exit(0);\n" }] };
  if (writes > (truth.cheat?.test(told) ? 1 : 0)) return { text: `report.json holds the totals of ${path}.` };
  const data = results.map(({ text }) => text).find((text) => text.startsWith("account,amount")) ?? "";
  const right = JSON.stringify(reportOf(data, true));
  const careful = system.includes(right) || drawn(request, truth) < chance(told, truth);
  const content = careful ? right : JSON.stringify(reportOf(data, false));
  return { tools: [{ op: "write", path: "report.json", content }] };
}

/** Probability of success of a model that was told this. */
function chance(told: string, { base, need, harm }: Truth): number {
  const p = base + (need.said.test(told) ? need.adds : 0) - (harm.said.test(told) ? harm.takes : 0);
  return Math.min(1, Math.max(0, p));
}

/** Uniform on 0 to 1. */
function drawn({ system, messages, body }: ModelRequest, { seed }: Truth): number {
  const asked = JSON.stringify([seed, (body as { seed?: number }).seed, system, messages[0]?.text]);
  return createHash("sha256").update(asked).digest().readUInt32BE() / 2 ** 32;
}

/** The candidate as JSON, each sentence on the first finding and the first event that the request shows. */
function wording({ messages }: ModelRequest, { steps, ...skill }: Candidate): string {
  const [, finding, event] = /^(\w+): .*\n\s+\[(\d+:\d+)\]/m.exec(messages[0]?.text ?? "") ?? [];
  const cited = (text: string) => ({ text, finding, events: [event] });
  return JSON.stringify({ patterns: [], antipatterns: [], skill: { ...skill, steps: steps.map(cited) } });
}

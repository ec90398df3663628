import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { mean } from "../../base/index.ts";
import * as decision from "../../decision/index.ts";
import { Interrupted } from "../../errors.ts";
import {
  type Artefacts,
  artefactCanaries,
  artefactDoes,
  betterValue,
  type Canary,
  canaries,
  forged,
  looksAtArtefacts,
  readArtefacts,
  remedy,
} from "../../evaluator/index.ts";
import { canariesFolder } from "../../lab/index.ts";
import { addProbe, type ProbeRow, probesWith } from "../../ledger/index.ts";
import { contentHash } from "../../repo/index.ts";
import { decidingStage } from "../../strategy/index.ts";
import { freshSeed } from "../measure.ts";
import type { Session } from "../session.ts";

/** What the probe of a user's evaluator came to. */
export interface Probe {
  results: (Tried & {
    /** What the canary does, in words that continue "a candidate that". */
    does: string;
  })[];
  /** Code files that no cheat could be made for. */
  blind: string[];
}

type Tried = Pick<ProbeRow, "canary" | "outcome" | "value" | "message">;

/**
 * Tries Whetstone's own cheats on the lab's evaluator, before anybody else does: each is a candidate made of the lab's
 * files. What was tried before under the same pins is not tried again.
 */
export async function probe(session: Session): Promise<Probe> {
  const { contract, row, ledger, listener, baseFiles, baseline } = session;
  const values = baseline.map((run) => run.value as number);
  const target = { metric: contract.metric.name, direction: contract.metric.direction, value: mean(values) };
  const made = canaries(contract, baseFiles, target);
  const known = await probesWith(ledger, row);
  const results: Probe["results"] = known.flatMap((result) => {
    const does =
      made.canaries.find((each) => each.name === result.canary)?.does ?? artefactDoes(result.canary);
    return does === null ? [] : [{ ...result, does }];
  });
  const untried = (all: readonly Canary[]) =>
    all.filter((canary) => !results.some((result) => result.canary === canary.name));
  const left = untried(made.canaries);
  const more = looksAtArtefacts(contract) && !known.some(({ canary }) => canary === artefactsTried);
  if (left.length > 0 || more)
    listener({
      type: "phase",
      phase: "probe",
      number: null,
      what: "trying Whetstone's own cheats on the evaluator",
    });
  const fresh: Probe["results"] = [];
  const attempt = async (all: readonly Canary[]) => {
    for (const [index, canary] of all.entries()) {
      const result = await tryCanary(session, canary, values, { round: index + 1, rounds: all.length });
      await addProbe(ledger, { sessionId: row.id, ...result, probedAt: Date.now() });
      fresh.push({ ...result, does: canary.does });
      listener({ type: "probe", ...result, does: canary.does });
    }
  };
  await attempt(left);
  const tampered: Canary[] = [];
  if (more) {
    const own = await artefactsLeft(session, 1);
    const other = own.size > 0 ? await artefactsLeft(session, 2) : own;
    tampered.push(...artefactCanaries(baseFiles, own, other, forged(target.metric, betterValue(target))));
    await attempt(untried(tampered));
    const done = { canary: artefactsTried, outcome: "equal" as const, value: null, message: "" };
    await addProbe(ledger, { sessionId: row.id, ...done, probedAt: Date.now() });
  }
  results.push(...fresh);
  // What helps is often the same for all of them: it is said once.
  for (const advice of new Set(fresh.filter(won).map(({ message }) => message)))
    listener({ type: "alarm", message: advice });
  for (const canary of [...made.canaries, ...tampered])
    if (results.some((result) => result.canary === canary.name && won(result))) await layOut(session, canary);
  return { results, blind: made.blind };
}

function won({ outcome }: Pick<ProbeRow, "outcome">): boolean {
  return outcome === "better";
}

/** A canary that won is there to be looked at and run by hand. */
async function layOut({ lab }: Session, canary: Canary): Promise<void> {
  const folder = join(canariesFolder(lab.folder), canary.name.replaceAll(/[ /]/g, "-"));
  await rm(folder, { recursive: true, force: true });
  const files = canary.sample ? { [canary.sample.path]: canary.sample.bytes } : canary.files;
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** In the ledger: every cheat has been tried that can be made of what a run leaves. */
const artefactsTried = "artefacts";

/** What the untouched code leaves in `$OUT`; nothing where it fails, which the other canaries show. */
async function artefactsLeft(session: Session, run: number): Promise<Artefacts> {
  let left: Artefacts = new Map();
  const canary: Canary = {
    name: artefactsTried,
    does: "is the start itself, to see what it leaves",
    files: session.baseFiles,
    honest: true,
    artefacts: async (folder) => {
      left = await readArtefacts(folder);
    },
  };
  await measure(session, canary, run, { round: run, rounds: 2 });
  return left;
}

/** A cheat is said to win only if it does so this often in a row. */
const wins = 3;

async function tryCanary(
  session: Session,
  canary: Canary,
  baseline: readonly number[],
  place: { round: number; rounds: number },
): Promise<Tried> {
  const { contract } = session;
  const { direction } = contract.metric;
  let value: number | null = null;
  for (let run = 1; run <= wins; run++) {
    const measured = await measure(session, canary, run, place);
    if ("failure" in measured)
      return { canary: canary.name, outcome: "refused", value: null, message: measured.failure };
    value ??= measured.value;
    const gain = (measured.value - mean(baseline)) * (direction === "minimize" ? -1 : 1);
    // An honest candidate is measured once; a suspicion is looked at again.
    const outcome = lookedAt(gain, baseline);
    if (outcome !== "better") return { canary: canary.name, outcome, value, message: "" };
  }
  return {
    canary: canary.name,
    outcome: "better",
    value,
    message: canary.honest
      ? "the unchanged work is worth more than it was a moment ago: the evaluator drifts, or remembers"
      : remedy(contract, canary.name),
  };
}

/**
 * What one run of a canary says beside the baseline's. A loss is told from noise at one-sided 99.9 %. A gain has to show
 * three times, so that 97.5 % each will do: of candidates that are worth the same 1 in 1,000 is said to win (3 after
 * a baseline of three runs), of cheats worth 6 standard deviations 19 in 20.
 *
 * @param gain over the baseline's mean, positive is better.
 */
export function lookedAt(gain: number, baseline: readonly number[]): "worse" | "equal" | "better" {
  const centre = mean(baseline);
  const n = baseline.length;
  const variance = baseline.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (n - 1);
  const noise = variance === 0 ? 0 : decision.tQuantile(gain > 0 ? 0.975 : 0.999, n - 1);
  if (Math.abs(gain) <= noise * Math.sqrt(variance * (1 + 1 / n))) return "equal";
  return gain > 0 ? "better" : "worse";
}

async function measure(
  session: Session,
  canary: Canary,
  run: number,
  { round, rounds }: { round: number; rounds: number },
): Promise<{ value: number } | { failure: string }> {
  const { contract, row, listener, evaluator, abort, stop } = session;
  if (abort.signal.aborted || stop.requested) throw new Interrupted();
  const stage = decidingStage(contract);
  listener({
    type: "run",
    purpose: "probe",
    arm: canary.name,
    round,
    rounds,
    budgetMs: contract.budget.time,
  });
  const evaluation = await evaluator.evaluate({
    state: contentHash(canary.files),
    files: canary.files,
    seed: freshSeed(row, `probe ${canary.name}:${run}`),
    checks: true,
    ...(canary.artefacts ? { artefacts: canary.artefacts } : {}),
    ...(stage === null ? {} : { stage }),
    onProgress: ({ line }) => line !== undefined && listener({ type: "line", line }),
    signal: abort.signal,
  });
  if (evaluation.failure?.kind === "cancelled" || abort.signal.aborted) throw new Interrupted();
  if (evaluation.failure) return { failure: `${evaluation.failure.kind}: ${evaluation.failure.message}` };
  const value = evaluation.metrics[contract.metric.name];
  return value === undefined ? { failure: "no metric" } : { value };
}

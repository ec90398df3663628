import { createHmac, randomUUID } from "node:crypto";
import { mkdir, readlink, statfs, symlink } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import {
  type Budget,
  type Channel,
  type Clock,
  type Contract,
  channelOf,
  isTimed,
  isWeighed,
} from "../contract/index.ts";
import { RunFailed } from "../errors.ts";
import type { EvaluationRelays, Relays } from "../relay/index.ts";
import { changedSince, overlay, restore, stamp } from "../repo/index.ts";
import {
  type Gpu,
  isWalled,
  type Limits,
  type Mount,
  type Order,
  type Outcome,
  type Overlay,
  type Running,
  type Sandbox,
} from "../sandbox/index.ts";
import { cachesFor } from "./caches.ts";
import type { Environment } from "./environment.ts";
import type { Evaluation } from "./evaluation.ts";
import { firstOddity, removeTree, sizeOf } from "./files.ts";
import { freshLayer, inLayer, takeWritten } from "./layer.ts";
import { openLiveLines } from "./liveLines.ts";
import { logTail } from "./logTail.ts";
import { asShown, clockValue, gather, readAll, readMetrics, Units, wantedOf } from "./metrics/index.ts";
import { pinHash, touchedPins } from "./pins.ts";
import { endingKind, relay } from "./pipe.ts";
import { type Place, writablePlaces } from "./place.ts";
import { makePlain } from "./plain.ts";
import { reasonLine } from "./reason.ts";
import { takeTurn } from "./turn.ts";
import {
  allWays,
  begun,
  failureWithLimits,
  type Granted,
  providerWords,
  runWithWay,
  withWay,
} from "./waysOut.ts";

/** The editable files of a state: path relative to the lab -> text. */
export type Files = Record<string, string>;

/** What is being done right now, for a live display. */
export type Progress =
  | { part: "run" | "check" | "score"; line?: string }
  /** It is not its turn for a second already: `line` says what it waits for. */
  | { part: "wait"; line: string };

export interface EvaluateOptions {
  /** Content hash of the files, for the record. */
  state: string;
  files: Files;
  seed: number;
  /** Checks are for candidates: the incumbent has passed them. */
  checks: boolean;
  /** The rung of the ladder; absent: the last one, `run` itself. */
  stage?: string;
  /** Scored on other data instead: the holdout's, which nothing else sees, or the third split's. */
  split?: "holdout" | "sealed";
  /** Done to the folder of the artefacts after the run and before anything looks at them: the probe's own cheats. */
  artefacts?: (folder: string) => Promise<void>;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

export interface Evaluator {
  readonly channel: Channel;
  /** Measures one state once. Never throws for what the candidate does: that is a failure with its kind. */
  evaluate(options: EvaluateOptions): Promise<Evaluation>;
}

/** Nobody may create anything where the scorer finds the candidate's files. */
const watched = { folders: true };

/** Answers are forwarded and not kept, so they may be larger than ordinary output. */
const pipeOutput = 2 ** 32;

const frameLimit = 64 * 2 ** 20;

/**
 * An evaluator over a prepared place. It measures one state at a time, and while a timed metric or guard is measured
 * no other evaluation of this user runs on this machine.
 *
 * @param baseFiles the editable files of the untouched base, as they lie in the place.
 * @param secret the session's secret (hex): each run's scorer gets a secret derived from it and the run's seed, the
 *   same for both arms of a pair and unknown to the candidate.
 */
export function openEvaluator(
  contract: Contract,
  place: Place,
  baseFiles: Files,
  sandbox: Sandbox,
  secret: string,
  relays: Relays | null = null,
): Evaluator {
  const evaluator = unguarded(contract, place, baseFiles, sandbox, secret, relays);
  const mode = isTimed(contract) ? "exclusive" : "shared";
  return {
    channel: evaluator.channel,
    async evaluate(options) {
      const turn = await takeTurn(mode, onStage(contract, options.stage).budget, {
        onWait: (line) => options.onProgress?.({ part: "wait", line }),
        signal: options.signal,
      });
      if (turn === null)
        return {
          ...{ state: options.state, seed: options.seed, metrics: {}, startedAt: Date.now() },
          failure: { kind: "cancelled", message: "it was cancelled" },
          ...{ wallMs: 0, cpuMs: 0, peakBytes: 0, exitCode: null, logTail: "", checks: [] },
          ...{ channel: evaluator.channel, level: sandbox.isolation.level, pins: pinHash(place.pins) },
          ...{ machine: null, gpuPeakBytes: null, spentMs: 0, used: null },
        };
      try {
        return await evaluator.evaluate(options, turn.gpus);
      } finally {
        turn.release();
      }
    },
  };
}

/** The evaluator itself, whatever else runs on the machine. */
function unguarded(
  contract: Contract,
  place: Place,
  baseFiles: Files,
  sandbox: Sandbox,
  secret: string,
  relays: Relays | null,
) {
  const pins = pinHash(place.pins);
  const channel = channelOf(contract);
  const { redact } = place.environment;
  const units = new Units(contract);
  let laid = baseFiles;
  let candidateLaid: Files = {};

  return {
    channel,
    async evaluate(options: EvaluateOptions, gpus: readonly Gpu[]): Promise<Evaluation> {
      const startedAt = Date.now();
      const began = performance.now();
      const run = join(place.folder, "run");
      await removeTree(run);
      const out = join(run, "out");
      const nothing = join(run, "nothing");
      await mkdir(out, { recursive: true });
      await mkdir(nothing);
      await overlay(place.slot, place.lab, laid, options.files, place.base);
      laid = options.files;
      const candidateFolder = join(place.folder, "candidate");
      if (contract.score) {
        await mkdir(candidateFolder, { recursive: true });
        await overlay(candidateFolder, "", candidateLaid, options.files, join(place.base, place.lab));
        candidateLaid = options.files;
      }
      const writable = writablePlaces(contract, place.lab, run);
      for (const mount of writable) await mkdir(mount.host, { recursive: true });
      const open = !isWalled(sandbox.isolation.level);
      if (open) await linkWritable(place.slot, writable);
      const shown = open && contract.score ? await stamp(candidateFolder, watched) : null;

      const damaged: string[] = [];
      const tidy = async () => {
        if (!open) return;
        const found = restore(place.slot, place.base, place.laid, {
          lab: place.lab,
          editable: options.files,
          absent: Object.keys(baseFiles).filter((path) => !Object.hasOwn(options.files, path)),
          ignore: writable.map((mount) => mount.at as string),
        });
        damaged.push(...(await found.catch(unreadable)));
      };
      const ways = relays?.begin(options.seed) ?? null;
      const live = openLiveLines(redact);
      const measured = await measure({
        ...options,
        relays: ways,
        onProgress: (progress) => {
          if (progress.line === undefined) return options.onProgress?.(progress);
          const line = live.take(progress.line);
          if (line !== null) options.onProgress?.({ ...progress, line });
        },
        contract: onStage(contract, options.stage),
        place,
        sandbox,
        out,
        nothing,
        candidateFolder,
        writable,
        // Processes that answer side by side share no folder, and what they leave is nobody's.
        layered: place.canLayer && !contract.score?.pipe ? inLayer(place.slot, writable) : [],
        layer: null,
        caches: await cachesFor(contract.caches, join(place.folder, "caches"), options.state),
        weights: new Map(),
        gpus,
        units,
        putInOrder: async () => {
          await tidy();
          return damaged.length === 0;
        },
        secret: createHmac("sha256", secret).update(String(options.seed)).digest("hex"),
      });

      let failure = failureWithLimits(measured.failure, ways);
      if (open) {
        await tidy();
        damaged.push(...(await touchedPins(place).catch(unreadable)));
        // The scorer is to read what was proposed, not what the run put in its place.
        const swapped = shown ? await changedSince(shown, candidateFolder, watched).catch(unreadable) : [];
        damaged.push(...swapped.map((path) => `$CANDIDATE/${path}`));
        if (damaged.length > 0) {
          // Whatever number came of it may have been written by the run itself.
          await place.rebuild();
          laid = baseFiles;
          await removeTree(candidateFolder);
          candidateLaid = {};
          failure = {
            kind: "tampered",
            message: `the run changed files of the pinned tree: ${damaged.slice(0, 3).join(", ")}`,
          };
        }
      }
      // Without room anything fails, and no candidate is to blame; its own output does not count.
      if (failure && failure.kind !== "cancelled") {
        await removeTree(run);
        if (await isFull(place.folder))
          throw new RunFailed(
            `the disk is full: ${failure.message}`,
            "make room; nothing was recorded of this run, and `whet run` goes on",
          );
      }
      const main = measured.run;
      const used = ways?.used() ?? null;
      return {
        state: options.state,
        seed: options.seed,
        metrics: failure ? {} : measured.metrics,
        failure: failure && {
          ...{ kind: failure.kind, message: redact(failure.message) },
          ...(failure.details === undefined ? {} : { details: redact(failure.details) }),
        },
        startedAt,
        wallMs: main?.wallMs ?? 0,
        cpuMs: main?.cpuMs ?? 0,
        peakBytes: main?.peakBytes ?? 0,
        exitCode: main?.exitCode ?? null,
        logTail: logTail(measured.log + (used === null ? "" : providerWords(used)), place.environment),
        checks: measured.checks.map((check) => ({ ...check, message: redact(check.message) })),
        channel,
        level: sandbox.isolation.level,
        pins,
        machine: main?.machine ?? null,
        gpuPeakBytes: main?.gpuPeakBytes ?? null,
        spentMs: performance.now() - began,
        used: used && (JSON.parse(redact(JSON.stringify(used))) as Evaluation["used"]),
      };
    },
  };
}

/** The contract as it holds on a rung. */
function onStage(contract: Contract, name: string | undefined): Contract {
  const stage = contract.stages.find((each) => each.name === name);
  return stage ? { ...contract, run: stage.run, budget: { ...contract.budget, ...stage.budget } } : contract;
}

/** Bytes; with less, a run cannot even say what it is about. */
const leastRoom = 2 ** 20;

async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < leastRoom;
}

interface Job extends EvaluateOptions {
  /** The ways out of its processes; null where nothing is granted that needs one. */
  relays: EvaluationRelays | null;
  contract: Contract;
  place: Place;
  sandbox: Sandbox;
  out: string;
  /** An empty folder. */
  nothing: string;
  candidateFolder: string;
  writable: Mount[];
  /** The tool caches of this state. */
  caches: Mount[];
  /** Those of the writable folders that are part of the run's layer. */
  layered: Mount[];
  /** The run's layer over its tree. */
  layer: Overlay | null;
  /** Bytes of the paths that are weighed, null for what is missing; filled in after the run. */
  weights: Map<string, number | null>;
  /** The GPUs that the run, its checks and the scorer may use. */
  gpus: readonly Gpu[];
  units: Units;
  /**
   * Without isolation: puts the candidate's tree back as it was laid out, so that no check finds what the run left
   * there. False when the run had changed what is pinned.
   */
  putInOrder: () => Promise<boolean>;
  secret: string;
}

interface Measured {
  metrics: Record<string, number>;
  failure: Evaluation["failure"];
  run: Outcome | null;
  log: string;
  checks: Evaluation["checks"];
}

async function measure(job: Job): Promise<Measured> {
  const { contract } = job;
  if (contract.score?.pipe) {
    const {
      outcome,
      answerers,
      metrics,
      failure: fault,
    } = await converse(job, contract.run, contract.budget);
    const failure = fault ?? (await weigh(job));
    const checks = failure ? [] : await runChecks(job);
    const all = together(answerers);
    const log = saidWhileAsked(answerers, job.place.environment);
    if (failure?.kind === "scorer") return scorerFailed(job, all, checks, outcome, failure.message);
    return finish(job, all, metrics, failure ?? failedCheck(checks), checks, log);
  }

  job.onProgress?.({ part: "run" });
  const order = candidateOrder(job, contract.run, contract.budget, "run");
  const run = await runWithWay(job.sandbox, job.relays, "run", "run", order);
  const log = run.stdout + (run.stderr ? `\n${run.stderr}` : "");
  if (run.ending !== "ok")
    return finish(job, run, null, { kind: endingKind(run), message: explain(job, run) }, [], log);
  const misplaced = await takeWritten(job.layer?.upper ?? job.place.slot, written(job));
  if (job.sandbox.isolation.level === "L0") await linkWritable(job.place.slot, job.writable);
  if (misplaced !== null) return finish(job, run, null, { kind: "tampered", message: misplaced }, [], log);
  // The scorer would follow a link into its own private data.
  const odd = await firstOddity(job.out);
  if (odd !== null)
    return finish(
      job,
      run,
      null,
      { kind: "tampered", message: `$OUT/${odd.slice(0, 200)} is a link or no plain file` },
      [],
      log,
    );
  await job.artefacts?.(job.out);
  const unweighed = await weigh(job);
  if (unweighed) return finish(job, run, null, unweighed, [], log);
  const left = await gather(contract, (path) => leftAt(job, path));
  const checks = await runChecks(job);
  const failed = failedCheck(checks);
  if (failed) return finish(job, run, null, failed, checks, log);

  if (!contract.score) {
    const read = readAll(asShown(run.stdout), contract, left, job.units, "the output");
    if ("failure" in read) {
      // The output is the candidate's own: whoever proposes may see all of it.
      const { kind, message, details } = read.failure;
      const whole = details === undefined ? message : `${message}; ${details}`;
      return finish(job, run, null, { kind, message: whole }, checks, log);
    }
    return finish(job, run, read.metrics, null, checks, log);
  }
  if (contract.score.answer !== undefined) {
    const { metrics, failure, outcome, answerers } = await converse(job, contract.score.answer, {
      ...contract.budget,
      time: contract.score.time,
    });
    const both = inTurn(run, together(answerers));
    if (failure?.kind === "scorer") return scorerFailed(job, both, checks, outcome, failure.message);
    return finish(
      job,
      both,
      metrics,
      failure,
      checks,
      `${log}\n${saidWhileAsked(answerers, job.place.environment)}`,
    );
  }
  job.onProgress?.({ part: "score" });
  const scored = await runWithWay(job.sandbox, job.relays, "score", "score", scorerOrder(job));
  if (scored.ending !== "ok")
    return scorerFailed(
      job,
      run,
      checks,
      scored,
      `the scorer failed: ${reasonLine(job.place.environment.redact(scored.stderr)) || scored.message}`,
    );
  const read = readAll(scored.stdout, contract, left, job.units, "the scorer's output");
  if ("failure" in read) return finish(job, run, null, read.failure, checks, log);
  return finish(job, run, read.metrics, null, checks, log);
}

/**
 * The scorer may have read what is hidden, so that the message, which reaches whoever proposes, holds none of its words.
 * They are the log, for the person alone; `words` is the line that tells the reason.
 */
function scorerFailed(
  job: Job,
  run: Outcome | null,
  checks: Evaluation["checks"],
  scorer: Outcome,
  words: string,
): Measured {
  const message =
    "the scorer failed; what it said is kept for the person whose lab it is: `whet failures` shows it";
  return finish(job, run, null, { kind: "scorer", message }, checks, `${scorer.stderr}\n${words}`);
}

/** The ends of what the answering processes wrote to standard error, each with an equal share of the log. */
function saidWhileAsked(answerers: readonly Outcome[], environment: Environment): string {
  return answerers.map(({ stderr }) => logTail(stderr, environment, answerers.length)).join("\n");
}

/** What processes that ran side by side took; null for none. */
function together(outcomes: readonly Outcome[]): Outcome | null {
  const [first] = outcomes;
  if (!first) return null;
  const sum = (figure: (outcome: Outcome) => number) =>
    outcomes.reduce((total, each) => total + figure(each), 0);
  return {
    ...first,
    wallMs: Math.max(...outcomes.map((each) => each.wallMs)),
    cpuMs: sum((each) => each.cpuMs),
    peakBytes: sum((each) => each.peakBytes),
    // They share the GPUs, of which each saw the whole.
    gpuPeakBytes: most(outcomes.map((each) => each.gpuPeakBytes)),
  };
}

/** The highest figure; null when one of them is not known. */
function most(figures: readonly (number | null)[]): number | null {
  const known = figures.filter((figure) => figure !== null);
  return known.length === figures.length && known.length > 0 ? Math.max(...known) : null;
}

/** The writable folders that have to be looked for where the run wrote: in its layer, or at L0 in the tree itself. */
function written({ layer, layered, writable, sandbox }: Job): readonly Mount[] {
  if (sandbox.isolation.level === "L0") return writable;
  return layer ? layered : [];
}

/** What a run and the answering after it took: work that is put off until the answers is work all the same. */
function inTurn(run: Outcome, answering: Outcome | null): Outcome {
  if (!answering) return run;
  return {
    ...run,
    wallMs: run.wallMs + answering.wallMs,
    cpuMs: run.cpuMs + answering.cpuMs,
    peakBytes: Math.max(run.peakBytes, answering.peakBytes),
    gpuPeakBytes: most([run.gpuPeakBytes, answering.gpuPeakBytes]),
  };
}

/**
 * Weighs what the run left: later, without isolation, a check that runs the candidate's code could change it. Checks and
 * scorer then find there what was weighed, and nothing that a file can carry besides.
 */
async function weigh(job: Job): Promise<Measured["failure"]> {
  const weighed = [job.contract.metric, ...job.contract.guards].flatMap(({ clock }) =>
    clock?.kind === "size" ? [clock.path] : [],
  );
  if (weighed.length === 0) return null;
  const left = [job.out, ...job.writable.map(({ host }) => host)];
  const fault = await makePlain(left, job.contract.budget.disk);
  for (const path of weighed) job.weights.set(path, await sizeOf(placeOf(job, path)));
  return fault;
}

/** Adds the clocked metrics; a metric of Whetstone's own clock is never taken from output. */
function finish(
  job: Job,
  run: Outcome | null,
  metrics: Record<string, number> | null,
  failure: Measured["failure"],
  checks: Evaluation["checks"],
  log: string,
): Measured {
  const all = { ...metrics };
  if (run && !failure) {
    for (const { name, clock } of [job.contract.metric, ...job.contract.guards]) {
      if (!clock) continue;
      const value = clockValue(clock, run, (path) => job.weights.get(path) ?? null);
      if (value === null)
        return { metrics: {}, failure: { kind: "no-metric", message: unmeasured(clock) }, run, log, checks };
      all[name] = value;
    }
  }
  return { metrics: all, failure, run, log, checks };
}

/** Why Whetstone could not measure a clocked metric. */
function unmeasured(clock: Clock): string {
  if (clock.kind === "size")
    return `the path to be weighed is missing, or holds a link: ${clock.path} (a run leaves it in $OUT or in a folder that \`write\` names)`;
  return "the memory of the GPUs could not be measured: nvidia-smi or rocm-smi is not in PATH, or says nothing, or the budget grants no GPU";
}

/** Where a path of the lab lies on the host after a run: a writable folder, `$OUT/...`, or the candidate's tree. */
function placeOf(job: Job, path: string): string {
  const left = leftAt(job, path);
  // What a run wrote elsewhere in the tree is thrown away with its layer, and no check or scorer can read it.
  const isThrownAway = left.root === job.layer?.upper;
  return isThrownAway ? join(job.place.slot, posix.join(job.place.lab, path)) : left.path;
}

/** The same, with the folder on the host that holds nothing but what the run wrote, or else the candidate's tree. */
function leftAt(job: Job, path: string): { root: string; path: string } {
  if (path === "$OUT" || path.startsWith("$OUT/"))
    return { root: job.out, path: join(job.out, path.slice(5)) };
  const at = posix.join(job.place.lab, path);
  for (const mount of job.writable) {
    const root = mount.at as string;
    if (at === root || at.startsWith(`${root}/`))
      return { root: mount.host, path: join(mount.host, posix.relative(root, at)) };
  }
  // In a layer there is nothing but what the run wrote; below it lies the candidate's own tree.
  const root = job.layer?.upper ?? job.place.slot;
  return { root, path: join(root, at) };
}

async function runChecks(job: Job): Promise<Evaluation["checks"]> {
  const results: Evaluation["checks"] = [];
  if (!job.checks) return results;
  for (const check of job.contract.checks) {
    job.onProgress?.({ part: "check" });
    // Before each: a check may run code of the candidate, which could replace the next one.
    if (!(await job.putInOrder())) {
      results.push({
        command: check.command,
        passed: false,
        message: "the run changed files of the pinned tree",
      });
      break;
    }
    const order = candidateOrder(
      job,
      check.command,
      { ...job.contract.budget, time: check.time, network: check.network },
      "check",
    );
    const outcome = await runWithWay(job.sandbox, job.relays, "step", "check", order);
    const passed = outcome.ending === "ok";
    const message = passed ? "" : reasonOf(job, outcome) || explain(job, outcome);
    results.push({ command: check.command, passed, message });
    if (!passed) break;
  }
  return results;
}

function failedCheck(checks: Evaluation["checks"]): Measured["failure"] {
  const failed = checks.find((check) => !check.passed);
  return failed
    ? { kind: "check", message: `the check "${failed.command}" failed: ${failed.message}` }
    : null;
}

/** The scorer's conversation with one or more processes of the candidate. */
async function converse(job: Job, command: string, budget: Budget) {
  const { contract, sandbox } = job;
  job.onProgress?.({ part: "score" });
  const piped = (order: Order, onLine: (line: string) => void): Running =>
    sandbox.start({
      ...order,
      stdin: "pipe",
      limits: { ...order.limits, output: pipeOutput },
      lineLimit: frameLimit,
      onLine: (line, stream) => {
        if (stream === "stdout") onLine(line);
        else order.onLine?.(line, stream);
      },
    });
  const copies = contract.score?.copies ?? 1;
  // What a process is asked is not for others that run now, be it a copy of itself or another candidate. Each copy has
  // an order of its own, and with it a layer of its own over the tree.
  const asked = () => ({ ...candidateOrder(job, command, budget, "answer"), apart: true });
  const [scorer, ...answerers] = await allWays([
    withWay(job.relays, "score", "score", scorerOrder(job)),
    ...Array.from({ length: copies }, (_, copy) => withWay(job.relays, "run", `answer ${copy}`, asked())),
  ]);
  let result: Awaited<ReturnType<typeof relay>>;
  try {
    result = await relay({
      copies,
      frameLimit,
      redact: job.place.environment.redact,
      startScorer: (onLine) => piped(scorer.order, onLine),
      startAnswerer: (copy, onLine) => piped((answerers[copy] as Granted).order, onLine),
    });
  } finally {
    await Promise.all([scorer, ...answerers].map((each) => each.close()));
  }
  for (const outcome of [result.scorer, ...result.answerers]) begun(outcome);
  let failure = result.failure;
  let metrics: Record<string, number> | null = null;
  if (result.metrics && !failure) {
    const read = readMetrics(JSON.stringify({ metrics: result.metrics }), wantedOf(contract), job.units);
    if ("failure" in read) failure = read.failure;
    else metrics = read.metrics;
  }
  return { metrics, failure, outcome: result.scorer, answerers: result.answerers };
}

/** What a command of the candidate does. Only a run leaves artefacts; with `pipe` it is the run that answers. */
type Role = "run" | "check" | "answer";

function candidateOrder(job: Job, command: string, budget: Budget, role: Role): Order {
  const { place, contract } = job;
  const outWritable = role === "run" || (role === "answer" && contract.score?.pipe === true);
  const overlay = layerFor(job, outWritable);
  const layered = overlay === undefined || !outWritable ? [] : job.layered;
  const { score, holdout } = contract;
  const hidden = [score, holdout, holdout?.sealed].flatMap((judge) => judge?.private ?? []);
  return {
    command,
    inImage: true,
    tree: place.slot,
    cwd: place.lab,
    mounts: [
      ...place.inputs,
      ...place.shim,
      ...job.writable
        .filter((mount) => !layered.includes(mount))
        .map((mount) => ({ ...mount, writable: outWritable })),
      // What one answering process wrote there another could read.
      ...job.caches.map((mount) => ({ ...mount, writable: role !== "answer" })),
      { host: job.out, at: { env: "OUT" }, writable: outWritable },
    ],
    hidden: [...hidden, ...(contract.envFile === undefined ? [] : [contract.envFile])].map((path) =>
      posix.join(place.lab, path),
    ),
    env: { ...place.environment.run, SEED: String(job.seed), ...stageOf(job) },
    ...(overlay ? { overlay } : {}),
    limits: limitsOf(budget),
    gpus: job.gpus,
    weighMemory: isWeighed(contract),
    onLine: (line) => job.onProgress?.({ part: "run", line }),
    ...(job.signal ? { signal: job.signal } : {}),
  };
}

/**
 * The layer over the tree of one of the candidate's commands: each has its own where the contract wants one, the run
 * also where it has folders to write.
 */
function layerFor(job: Job, isRun: boolean): Overlay | undefined {
  const wanted = job.contract.tree === "overlay" || (isRun && job.layered.length > 0);
  if (!wanted || !job.place.canLayer) return undefined;
  const layer = freshLayer(dirname(job.out), isRun && !job.layer ? "layer" : `layer-${randomUUID()}`);
  if (isRun) job.layer ??= layer;
  return layer;
}

function scorerOrder(job: Job): Order {
  const { place, contract } = job;
  const score = contract.score as NonNullable<Contract["score"]>;
  const { holdout } = contract;
  const sealed = holdout?.sealed;
  const judge = { holdout, sealed, none: undefined }[job.split ?? "none"] ?? score;
  // Each scorer sees its own data and, unless it is the first, what is kept from candidates only.
  const others = [holdout, sealed].filter((other) => other !== judge);
  return {
    command: "command" in judge ? judge.command : judge.score,
    tree: place.base,
    cwd: place.lab,
    mounts: [
      ...place.inputs,
      ...place.shim,
      // A candidate that still runs could put anything there while the scorer reads.
      { host: score.pipe ? job.nothing : job.out, at: { env: "OUT" }, writable: false },
      { host: job.candidateFolder, at: { env: "CANDIDATE" }, writable: false },
    ],
    hidden: others
      .flatMap((other) => other?.private ?? [])
      .filter((path) => !judge.private.includes(path) && !reaches(judge.private, path))
      .map((path) => posix.join(place.lab, path)),
    env: { ...place.environment.score, SEED: String(job.seed), SECRET: job.secret, ...stageOf(job) },
    limits: { ...limitsOf(contract.budget), time: score.time, network: score.network },
    gpus: job.gpus,
    onLine: (line) => job.onProgress?.({ part: "score", line }),
    ...(job.signal ? { signal: job.signal } : {}),
  };
}

function stageOf({ stage }: Job): { STAGE?: string } {
  return stage === undefined ? {} : { STAGE: stage };
}

/** Whether the scorer is meant to see a path: one of its own private ones, or what lies in a private folder. */
function reaches(own: readonly string[], path: string): boolean {
  return own.some((folder) => path.startsWith(`${folder}/`));
}

/** A run may leave what cannot even be listed: paths too long to be opened, names that are no text. */
function unreadable(error: unknown): string[] {
  return [
    `what it left cannot be looked through (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
  ];
}

function limitsOf(budget: Budget): Limits {
  return budget;
}

/** Whatever lies at a writable path goes: an earlier run may have put a folder there that lasts. */
async function linkWritable(slot: string, writable: readonly Mount[]): Promise<void> {
  for (const mount of writable) {
    const target = join(slot, mount.at as string);
    if ((await readlink(target).catch(() => null)) === mount.host) continue;
    await removeTree(target);
    await mkdir(dirname(target), { recursive: true });
    await symlink(mount.host, target);
  }
}

/** The line that tells the reason. Secrets go before it is cut out: a part of one would not be recognised. */
function reasonOf(job: Job, { stderr, stdout }: Outcome): string {
  const { redact } = job.place.environment;
  return reasonLine(redact(stderr), redact(stdout));
}

function explain(job: Job, outcome: Outcome): string {
  const said = reasonOf(job, outcome);
  return said && (outcome.ending === "exit" || outcome.ending === "signal")
    ? `${outcome.message}: ${said}`
    : outcome.message;
}

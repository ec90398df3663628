import { basename } from "node:path";
import type { Program } from "./contract/index.ts";
import { type ReplayReport, replayLab } from "./doctor/index.ts";
import { finalizeSession } from "./finalize/index.ts";
import { readLab } from "./lab/index.ts";
import { type Check, checkLab, openTrying, type RunResult, runSession, type Trying } from "./loop/index.ts";
import {
  type Finalized,
  type Notebook,
  notebookOf,
  type Row,
  rowOf,
  type SessionEvent,
  withSession,
} from "./notebook/index.ts";
import type { Researcher } from "./researcher/index.ts";
import type { Entrant } from "./turns/index.ts";

export interface LabRunOptions {
  /** Total experiments of the session, earlier ones included. */
  experiments?: number;
  /** Total milliseconds of the session. */
  time?: number;
  /** Tokens of the session, read and written. */
  tokens?: number;
  /** US dollars of the session. */
  money?: number;
  /** Ends once the metric is at this value. */
  until?: number;
  /** Pairs of the final audit, 0: none. Default 8. */
  auditPairs?: number;
  /** The session to go on with, or the name of a new one. */
  tag?: string;
  /** Begin a new session even where one could go on. */
  fresh?: boolean;
  /** Seed of a new session's search. */
  seed?: number;
  /** Who proposes, one or several with their shares; default: those that the contract names. */
  researcher?: Researcher | readonly Entrant[];
  /** False: do not try Whetstone's own cheats on the evaluator before the first experiment. */
  probe?: boolean;
  /** No isolation although a better level is there. */
  isolation?: "L0";
  onEvent?: (event: SessionEvent) => void;
  /** Stops at once; the evaluation in flight is lost, nothing else. */
  signal?: AbortSignal;
}

export interface FinalizeLabOptions extends Pick<LabRunOptions, "tag" | "onEvent" | "signal"> {
  /** Pairs of each comparison, 2 or more. Default 8. */
  pairs?: number;
  /** False: measure only, write no branch. */
  branches?: boolean;
}

export interface DriveLabOptions
  extends Pick<LabRunOptions, "tag" | "fresh" | "seed" | "probe" | "isolation" | "onEvent" | "signal"> {
  /** Where to edit; default: `.whetstone/workspace` of the lab. */
  workspace?: string;
}

/** A session that is driven from outside; it holds the lab until it is closed. */
export type Driving = Omit<Trying, "session">;

/** A lab folder, ready to be checked, run and read. */
export interface Lab {
  readonly folder: string;
  readonly program: Program;
  check(options?: Pick<LabRunOptions, "tag" | "fresh" | "onEvent" | "signal">): Promise<Check>;
  run(options?: LabRunOptions): Promise<RunResult>;
  /** Measures what each kept change is worth, and writes review branches. A finished call repeats nothing. */
  finalize(options?: FinalizeLabOptions): Promise<Finalized>;
  /** Opens the session for somebody who edits in its workspace and asks for a verdict, again and again. */
  drive(options?: DriveLabOptions): Promise<Driving>;
  /** The newest (or the named) session as plain data. */
  notebook(tag?: string): Promise<Notebook>;
  /** One experiment with its diff. */
  experiment(number: number, tag?: string): Promise<Row>;
  replay(tag?: string): Promise<ReplayReport>;
}

/**
 * Opens a lab: a folder with a `program.md` in a git repository.
 *
 * @param path the folder, or the contract file itself.
 * @throws UserError when the contract has errors; its message names file, line and column.
 *
 * @example
 * const lab = await openLab("labs/bin-packing");
 * await lab.run({ experiments: 20, onEvent: (event) => console.log(event.type) });
 * const { audit } = await lab.notebook();
 */
export async function openLab(path: string): Promise<Lab> {
  const lab = await readLab(path);
  const common = ({ tag, fresh, onEvent, signal }: LabRunOptions) => ({
    ...(tag === undefined ? {} : { tag }),
    ...(fresh === undefined ? {} : { fresh }),
    ...(onEvent === undefined ? {} : { listener: onEvent }),
    ...(signal === undefined ? {} : { abort: abortOn(signal) }),
  });
  return {
    folder: lab.folder,
    program: lab.program,
    check: (options = {}) => checkLab(lab, common(options)),
    run: (options = {}) =>
      runSession(lab, {
        ...common(options),
        ...(options.experiments === undefined ? {} : { experiments: options.experiments }),
        ...(options.time === undefined ? {} : { time: options.time }),
        ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
        ...(options.money === undefined ? {} : { money: options.money }),
        ...(options.until === undefined ? {} : { until: options.until }),
        ...(options.auditPairs === undefined ? {} : { auditPairs: options.auditPairs }),
        ...(options.seed === undefined ? {} : { seed: options.seed }),
        ...(options.researcher === undefined ? {} : { researcher: options.researcher }),
        ...(options.probe === undefined ? {} : { probe: options.probe }),
        ...(options.isolation === undefined ? {} : { level: options.isolation }),
      }),
    finalize: (options = {}) =>
      finalizeSession(lab, {
        ...common(options),
        ...(options.pairs === undefined ? {} : { pairs: options.pairs }),
        ...(options.branches === undefined ? {} : { branches: options.branches }),
      }),
    drive: (options = {}) => {
      const { tag, fresh, seed, isolation, workspace, probe, signal, onEvent } = options;
      return openTrying(lab, {
        ...(tag === undefined ? {} : { tag }),
        ...(fresh === undefined ? {} : { fresh }),
        ...(seed === undefined ? {} : { seed }),
        ...(isolation === undefined ? {} : { level: isolation }),
        ...(workspace === undefined ? {} : { workspace }),
        ...(probe === undefined ? {} : { probe }),
        ...(signal === undefined ? {} : { signal }),
        ...(onEvent === undefined ? {} : { listener: onEvent }),
      });
    },
    notebook: (tag) =>
      withSession(lab.programFile, tag, (ledger, row) =>
        notebookOf(ledger, basename(lab.folder), row, { texts: true }),
      ),
    experiment: (number, tag) =>
      withSession(lab.programFile, tag, (ledger, row) => rowOf(ledger, row, number)),
    replay: (tag) => replayLab(lab.programFile, tag),
  };
}

function abortOn(signal: AbortSignal): AbortController {
  const controller = new AbortController();
  if (signal.aborted) controller.abort();
  else signal.addEventListener("abort", () => controller.abort(), { once: true });
  return controller;
}

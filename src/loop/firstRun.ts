import { randomBytes } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunFailed, UserError } from "../errors.ts";
import {
  type GrantHint,
  hintLines,
  openEvaluator,
  preparePlace,
  removeTree,
  requireGpus,
} from "../evaluator/index.ts";
import { type LabFolder, withPlace } from "../lab/index.ts";
import { baseLimits, contentHash, foldersOf, harvest, type Repo, workingState } from "../repo/index.ts";
import { openSandbox, requireProcessors } from "../sandbox/index.ts";
import { type FailedRun, hintsOf, imageFor, withLastWords } from "../session/index.ts";

/** What one run of the untouched code came to, before there is a session. */
export interface FirstRun {
  /** The metric; null when the run failed. */
  value: number | null;
  /** Milliseconds of the whole evaluation. */
  ms: number;
  /** The isolation level under which it ran. */
  level: string;
  /** What it printed, or its scorer where there is one: up to some mebibytes, without secrets. */
  output: string;
  /** Which kind of failure it was; null when it did not fail. */
  failureKind: FailedRun["failureKind"];
  /** Why it failed, with what to do next; null when it did not. */
  failure: RunFailed | null;
  /** What it met at the limits of the sandbox. */
  hints: GrantHint[];
}

/**
 * Measures the untouched code once, as `whet check` would after the lab's uncommitted files are committed. Nothing is
 * recorded and no session begins: it is laid out in a temporary folder, which is removed again.
 *
 * @returns null when the lab is in no repository, or when it was cancelled.
 * @throws UserError for everything a user can mend before anything can be run, with its place in program.md.
 */
export async function firstRun(
  lab: LabFolder,
  options: { onLine?: (line: string) => void; signal?: AbortSignal } = {},
): Promise<FirstRun | null> {
  const repo = await workingState(lab.folder);
  if (repo === null) return null;
  const folder = await mkdtemp(join(tmpdir(), "whet-first-"));
  try {
    return await measured(lab, repo, folder, options);
  } catch (error) {
    throw await withPlace(lab, error);
  } finally {
    await removeTree(folder);
  }
}

/** Characters of an output in which a metric is looked for. */
const mostPrinted = 2 ** 22;

async function measured(
  lab: LabFolder,
  repo: Repo,
  folder: string,
  { onLine, signal }: { onLine?: (line: string) => void; signal?: AbortSignal },
): Promise<FirstRun | null> {
  const { contract } = lab;
  requireProcessors(contract.budget.cpus);
  await requireGpus(contract);
  const image = imageFor(contract, folder);
  const sandbox = await openSandbox({
    require: contract.isolation === "required",
    keepOut: foldersOf(repo),
    ...(image ? { image } : {}),
  });
  const place = await preparePlace({
    ...{ repo, contract, commit: repo.head, programHash: lab.program.hash, folder, sandbox },
    ...(onLine ? { onLine } : {}),
    ...(signal ? { signal } : {}),
  });
  const editable = await harvest(join(place.base, place.lab), contract.change, baseLimits);
  const files = Object.fromEntries(
    Object.entries(editable.files).map(([path, content]) => [path, content.toString()]),
  );
  if (Object.keys(files).length === 0)
    throw new UserError(
      `no file matches \`change: ${contract.change.join(", ")}\` in ${lab.folder}`,
      "correct the pattern in program.md",
    );
  const evaluator = openEvaluator(contract, place, files, sandbox, randomBytes(32).toString("hex"));
  const printed: string[] = [];
  let room = mostPrinted;
  const evaluation = await evaluator.evaluate({
    ...{ state: contentHash(files), files, seed: randomBytes(4).readUInt32BE(0) >>> 1, checks: true },
    onProgress: ({ part, line }) => {
      if (line === undefined) return;
      onLine?.(line);
      if (part !== (contract.score ? "score" : "run") || room < line.length) return;
      room -= line.length;
      printed.push(line);
    },
    ...(signal ? { signal } : {}),
  });
  if (evaluation.failure?.kind === "cancelled") return null;
  const { level } = sandbox.isolation;
  const common = {
    ...{ ms: evaluation.spentMs, level, output: printed.join("\n") },
    failureKind: evaluation.failure?.kind ?? null,
  };
  if (evaluation.failure === null)
    return {
      ...common,
      value: evaluation.metrics[contract.metric.name] ?? null,
      failure: null,
      hints: [],
    };
  const { kind, message, details } = evaluation.failure;
  const words = details === undefined ? message : `${message}; ${details}`;
  const run: FailedRun = { failureKind: kind, failureMessage: words, logTail: evaluation.logTail };
  const hints = hintsOf(run, { contract, place, repo, row: { level } });
  const error = new RunFailed(words, hintLines(hints, level).join("\n"));
  return { ...common, value: null, failure: withLastWords(error, run) as RunFailed, hints };
}

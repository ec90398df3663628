import { relative } from "node:path";
import { type ModelChoice, type ProvidedModel, provideModel } from "../../agents/index.ts";
import { parseDuration, parseResearcher } from "../../contract/index.ts";
import { UserError } from "../../errors.ts";
import {
  type AbRule,
  type Asking,
  abRule,
  day,
  type ForgeLimits,
  liveRunner,
  type Meter,
  openJudgesOf,
  openMeter,
  type Runner,
  readSuite,
  type Suite,
  type TriggerResult,
  type Who,
} from "../../forge/index.ts";
import { needsJudge, otherJudge, surpriseOf } from "../../goals/index.ts";
import { forgeSpending, type Ledger, type TrialRow } from "../../ledger/index.ts";
import { withLibrary } from "../../skills/index.ts";
import { complain } from "../output.ts";
import { onSignals } from "../stopping.ts";

export interface Output {
  json?: boolean;
}

/** What the forge may take, as options say it. */
export interface LimitOptions {
  runs?: number;
  tokens?: number;
  money?: number;
  for?: string;
}

/** Who runs goals, who judges, and who words. */
export interface WhoOptions {
  agent?: string;
  model?: string;
  judge?: string;
  url?: string;
}

export interface RuleOptions {
  alpha?: number;
  testRuns?: number;
  minEffect?: number;
  placebo?: boolean;
  seed?: number;
}

export function limitsOf(options: LimitOptions): ForgeLimits {
  const time = options.for === undefined ? undefined : parseDuration(options.for);
  if (time === null) throw new UserError(`--for ${options.for} is not a length of time`, "write 30m or 8h");
  return {
    ...(options.runs === undefined ? {} : { runs: options.runs }),
    ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
    ...(options.money === undefined ? {} : { dollars: options.money }),
    ...(time === undefined ? {} : { time }),
  };
}

export function ruleOf({ alpha, testRuns, minEffect, placebo, seed }: RuleOptions): Partial<AbRule> {
  const rule = {
    ...(alpha === undefined ? {} : { alpha }),
    ...(testRuns === undefined ? {} : { maxRuns: testRuns }),
    ...(minEffect === undefined ? {} : { minEffect }),
    ...(placebo === undefined ? {} : { placebo }),
    ...(seed === undefined ? {} : { seed }),
  };
  try {
    abRule(rule);
  } catch (error) {
    throw new UserError((error as Error).message);
  }
  return rule;
}

export function whoOf({ agent, model, judge }: WhoOptions): Who {
  const said = agent ?? (model === undefined ? undefined : `model: ${model}`);
  if (said === undefined)
    throw new UserError(
      "nobody is named to run the goals",
      "--agent claude (or codex, gemini, opencode, pi, `command: ...`), or --model provider/name for the built-in one",
    );
  const choice = parseResearcher(said);
  return {
    agent: said,
    model: choice !== null && "model" in choice && choice.model !== undefined ? choice.model : null,
    judge: judge ?? null,
  };
}

/** A suite with the server of `--url` known to its goals. */
export async function openSuite(
  project: string,
  path: string | undefined,
  options: WhoOptions,
): Promise<Suite> {
  const { judge, url, model } = options;
  if (path === undefined)
    throw new UserError(
      "there are no goals to test with",
      "--suite FOLDER: a folder of goal files, or a skill's folder with evals/evals.json",
    );
  const asked = await readSuite(path, { project, judge });
  const judgeless = [...asked.goals, ...asked.sealed].some(
    ({ goal }) => goal.judge === undefined && needsJudge(goal),
  );
  const other = judgeless
    ? otherJudge([{ ...whoOf(options), name: whoOf(options).agent }], [model], process.env)
    : null;
  if (other !== null) complain(`${other} judges, of another family than those who work`);
  const suite = other === null ? asked : await readSuite(path, { project, judge: other });
  if (suite.skipped.length > 0) complain(`${path}: no goals, and skipped: ${suite.skipped.join(", ")}`);
  const own = suite.paths.map((each) => relative(project, each));
  const surprise = await surpriseOf(
    [...suite.goals, ...suite.sealed].map(({ goal }) => goal),
    project,
    own,
  );
  if (surprise !== null) complain(`note: ${surprise}`);
  const open = await openJudgesOf(suite, project);
  if (open !== null) complain(`${path}: ${open}`);
  const provider = model?.split("/")[0];
  if (url !== undefined && provider !== undefined)
    for (const { goal } of [...suite.goals, ...suite.sealed])
      goal.servers = { [provider]: { url }, ...goal.servers };
  return suite;
}

export async function openModel({ model, url }: WhoOptions): Promise<ProvidedModel> {
  if (model === undefined)
    throw new UserError("no model is named to put it into words", "--model provider/name");
  const choice = parseResearcher(`model: ${model}`) as ModelChoice | null;
  if (choice === null) throw new UserError(`${model} is no model`, "write provider/name");
  return provideModel({ ...choice, ...(url === undefined ? {} : { url }) }, process.env);
}

/** One line for each run, on standard error, so that standard output stays what was asked for. */
export function progress(json: boolean | undefined) {
  let fresh = 0;
  let again = 0;
  const say = (line: string) => {
    if (!json) complain(line);
  };
  return {
    step: (words: string) => say(`${words} …`),
    question: ({ query, should, loaded, runs, right }: TriggerResult["queries"][number]) =>
      say(
        `  ${JSON.stringify(query.slice(0, 60))}: read in ${loaded} of ${runs}${right ? "" : should ? ", and it should be" : ", and it should not be"}`,
      ),
    trial: ({ arm, task, replicate, trial }: Omit<TrialRow, "id">, recorded: boolean) => {
      if (recorded) {
        again++;
        return;
      }
      if (fresh++ === 0 && again > 0) say(`${again} runs are on record already`);
      const score = trial.score === null ? "no score" : `${trial.score.toFixed(0)} of 100`;
      say(
        `  run ${again + fresh}: ${task} #${replicate} ${arm}: ${score}, ${(trial.wallMs / 1000).toFixed(1)} s${trial.tokens === null ? "" : `, ${trial.tokens} tokens`}${trial.loaded ? ", skill read" : ""}`,
      );
    },
  };
}

export interface Work {
  ledger: Ledger;
  root: string;
  meter: Meter;
  stop: { readonly requested: boolean };
  signal: AbortSignal;
  display: ReturnType<typeof progress>;
}

/** Opens the library, heeds Ctrl-C, and closes all again. */
export async function working<T>(
  folder: string,
  options: LimitOptions & Output & { auto?: boolean },
  use: (work: Work) => Promise<T>,
): Promise<T> {
  const limits = limitsOf(options);
  const signals = onSignals();
  try {
    return await withLibrary(folder, async (ledger, root) => {
      // On its own it has limits for a day, not for each time that it begins.
      const before = options.auto ? await forgeSpending(ledger, Date.now() - day) : undefined;
      return use({
        ...{ ledger, root, stop: signals.stop, signal: signals.abort.signal },
        ...{ meter: openMeter(limits, before), display: progress(options.json) },
      });
    });
  } finally {
    signals.done();
  }
}

/** 130: stopped by hand; 0: a limit of one's own is reached; 1: something was in the way. */
export function pausedCode({ stop, meter }: Work): number {
  if (stop.requested) return 130;
  return meter.beyond() === null ? 1 : 0;
}

export function runnerOf(
  work: Work,
  who: Who,
  { alone, inPrompt }: { alone?: boolean; inPrompt?: boolean } = {},
): Runner {
  const { ledger, root, meter, signal, display } = work;
  return liveRunner({
    ...{ ledger, root, who, meter, signal },
    onEvent: (event) => event.type === "waiting" && display.step(event.message),
    ...(alone ? { library: false } : {}),
    ...(inPrompt ? { whole: true } : {}),
  });
}

export async function askingOf(work: Work, options: WhoOptions): Promise<Asking> {
  const { ledger, meter, signal } = work;
  return { ledger, meter, signal, model: await openModel(options) };
}

/** What a skill is tested with. Its own folder is as little for those who are tested as the suite is. */
export async function suiteFor(
  folder: string | null,
  root: string,
  options: WhoOptions & { suite?: string },
): Promise<Suite> {
  const suite = await openSuite(root, options.suite ?? folder ?? undefined, options);
  return folder === null ? suite : { ...suite, paths: [...suite.paths, folder] };
}

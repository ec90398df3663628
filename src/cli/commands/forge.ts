import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { type ModelChoice, type ProvidedModel, provideModel } from "../../agents/index.ts";
import { parseDuration, parseResearcher } from "../../contract/index.ts";
import { UserError } from "../../errors.ts";
import {
  type AbRule,
  type Asking,
  abRule,
  afterGoal,
  agentLoads,
  analyze,
  auditWords,
  type Counts,
  calibrateSuite,
  calibrationWords,
  claimOf,
  countTraces,
  day,
  expireSkills,
  type ForgeLimits,
  type ForgeOutcome,
  forgeSkill,
  groundsWords,
  type Improved,
  improveSkill,
  leftOutWords,
  liveRunner,
  type Meter,
  matrixOf,
  modelLoads,
  openJudgesOf,
  openMeter,
  over,
  pageOf,
  type Runner,
  range,
  readSettings,
  readSuite,
  replayEvaluation,
  type Suite,
  settingsPath,
  sureOf,
  type TestPaused,
  type TestReport,
  type Took,
  type TriggerResult,
  testSkill,
  testsWords,
  tookSince,
  tookWords,
  triggerQueries,
  triggerTest,
  type Who,
  type Worded,
  writeSettings,
} from "../../forge/index.ts";
import { needsJudge, otherJudge, surpriseOf } from "../../goals/index.ts";
import {
  evaluationRows,
  forgeSpending,
  type Ledger,
  type SkillEvaluationRow,
  skillRow,
  skillVersionRows,
  type TrialRow,
  trialsOf,
} from "../../ledger/index.ts";
import { skillHtml } from "../../report/index.ts";
import {
  addSkill,
  addVersion,
  libraryRoot,
  readSkillFolder,
  requireSkill,
  skillOfVersion,
  type VersionKey,
  withLibrary,
} from "../../skills/index.ts";
import { openRedactor } from "../../traces/index.ts";
import { interactive, print, printJson } from "../output.ts";
import { onSignals } from "../stopping.ts";

interface Output {
  json?: boolean;
}

/** What the forge may take, as options say it. */
interface LimitOptions {
  runs?: number;
  tokens?: number;
  money?: number;
  for?: string;
}

/** Who runs goals, who judges, and who words. */
interface WhoOptions {
  agent?: string;
  model?: string;
  judge?: string;
  url?: string;
}

interface RuleOptions {
  alpha?: number;
  testRuns?: number;
  minEffect?: number;
  placebo?: boolean;
  seed?: number;
}

function limitsOf(options: LimitOptions): ForgeLimits {
  const time = options.for === undefined ? undefined : parseDuration(options.for);
  if (time === null) throw new UserError(`--for ${options.for} is no duration`, "write 30m or 8h");
  return {
    ...(options.runs === undefined ? {} : { runs: options.runs }),
    ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
    ...(options.money === undefined ? {} : { dollars: options.money }),
    ...(time === undefined ? {} : { time }),
  };
}

function ruleOf({ alpha, testRuns, minEffect, placebo, seed }: RuleOptions): Partial<AbRule> {
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

function whoOf({ agent, model, judge }: WhoOptions): Who {
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
async function openSuite(project: string, path: string | undefined, options: WhoOptions): Promise<Suite> {
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
  if (other !== null) process.stderr.write(`${other} judges, of another family than those who work\n`);
  const suite = other === null ? asked : await readSuite(path, { project, judge: other });
  if (suite.skipped.length > 0)
    process.stderr.write(`${path}: no goals, and skipped: ${suite.skipped.join(", ")}\n`);
  const own = suite.paths.map((each) => relative(project, each));
  const surprise = await surpriseOf(
    [...suite.goals, ...suite.sealed].map(({ goal }) => goal),
    project,
    own,
  );
  if (surprise !== null) process.stderr.write(`note: ${surprise}\n`);
  const open = await openJudgesOf(suite, project);
  if (open !== null) process.stderr.write(`${path}: ${open}\n`);
  const provider = model?.split("/")[0];
  if (url !== undefined && provider !== undefined)
    for (const { goal } of [...suite.goals, ...suite.sealed])
      goal.servers = { [provider]: { url }, ...goal.servers };
  return suite;
}

async function openModel({ model, url }: WhoOptions): Promise<ProvidedModel> {
  if (model === undefined)
    throw new UserError("no model is named to put it into words", "--model provider/name");
  const choice = parseResearcher(`model: ${model}`) as ModelChoice | null;
  if (choice === null) throw new UserError(`${model} is no model`, "write provider/name");
  return provideModel({ ...choice, ...(url === undefined ? {} : { url }) }, process.env);
}

/** One line for each run, on standard error, so that standard output stays what was asked for. */
function progress(json: boolean | undefined) {
  let fresh = 0;
  let again = 0;
  const say = (line: string) => {
    if (!json) process.stderr.write(`${line}\n`);
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

interface Work {
  ledger: Ledger;
  root: string;
  meter: Meter;
  stop: { readonly requested: boolean };
  signal: AbortSignal;
  display: ReturnType<typeof progress>;
}

/** Opens the library, heeds Ctrl-C, and closes all again. */
async function working<T>(
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
function pausedCode({ stop, meter }: Work): number {
  if (stop.requested) return 130;
  return meter.beyond() === null ? 1 : 0;
}

function runnerOf(
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

async function askingOf(work: Work, options: WhoOptions): Promise<Asking> {
  const { ledger, meter, signal } = work;
  return { ledger, meter, signal, model: await openModel(options) };
}

interface AnalyzeOptions extends Output, LimitOptions, WhoOptions {
  source?: string;
  family?: string;
  once?: boolean;
  recurrence?: number;
}

function fromOf({ source, family, recurrence }: AnalyzeOptions) {
  const known = ["goals", "labs", "imports"] as const;
  const wanted = source?.split(",").map((each) => known.find((name) => name === each.trim()));
  if (wanted?.includes(undefined))
    throw new UserError(`--source ${source}: there are goals, labs and imports`, "--source goals,imports");
  return {
    ...(wanted ? { sources: wanted.filter((each) => each !== undefined) } : {}),
    ...(family === undefined ? {} : { family }),
    ...(recurrence === undefined ? {} : { recurrence }),
    clean: openRedactor(),
  };
}

/** `whet forge analyze`: what recurs in the traces; with a model, what follows from it. */
export async function analyzeCommand(folder = ".", options: AnalyzeOptions): Promise<number> {
  return working(folder, options, async (work) => {
    const from = { ...fromOf(options), ...(options.once ? { recurrence: 1 } : {}) };
    if (options.model === undefined) {
      const counts = await countTraces(work.ledger, { ...from, signal: work.signal });
      if (options.json) printJson(counts);
      else print(countsText(counts));
      return 0;
    }
    const found = await analyze(await askingOf(work, options), from);
    if (options.json) printJson({ ...found, worded: found.worded && jsonOf(found.worded) });
    else print(`${countsText(found.counts)}\n${wordedText(found.worded, found.why)}`);
    return 0;
  });
}

interface ForgeRunOptions extends AnalyzeOptions, RuleOptions {
  suite?: string;
  auto?: boolean;
  sealed?: boolean;
}

/** `whet forge run`: from traces to a decision. */
export async function forgeRunCommand(folder = ".", given: ForgeRunOptions): Promise<number> {
  const options = given.auto ? { ...(await fromSettings(folder)), ...given } : given;
  return working(folder, options, async (work) => {
    const suite = await openSuite(work.root, options.suite, options);
    const { display, meter, stop } = work;
    const outcome = await forgeSkill({
      ...{
        asking: await askingOf(work, options),
        runner: runnerOf(work, whoOf(options)),
        suite,
        meter,
        stop,
      },
      ...{ from: fromOf(options), rule: ruleOf(options), onStep: display.step },
      ...(options.once ? { once: true } : {}),
      ...(options.sealed === false ? { sealed: false } : {}),
      onTrial: (row, recorded) => display.trial(row, recorded),
    });
    if (options.json) printJson(outcomeJson(outcome));
    else print(outcomeText(outcome, work));
    return outcome.kind === "paused" ? pausedCode(work) : 0;
  });
}

async function fromSettings(folder: string): Promise<ForgeRunOptions> {
  const { suite, agent, model, judge, url, limits, recurrence } = await readSettings(resolve(folder));
  return {
    ...(suite === undefined ? {} : { suite: resolve(folder, suite) }),
    ...(agent === undefined ? {} : { agent }),
    ...(model === undefined ? {} : { model }),
    ...(judge === undefined ? {} : { judge }),
    ...(url === undefined ? {} : { url }),
    ...(limits.runs === undefined ? {} : { runs: limits.runs }),
    ...(limits.tokens === undefined ? {} : { tokens: limits.tokens }),
    ...(limits.dollars === undefined ? {} : { money: limits.dollars }),
    ...(limits.time === undefined ? {} : { for: `${Math.ceil(limits.time / 1000)}s` }),
    recurrence,
  };
}

interface CalibrateOptions extends Output, LimitOptions, WhoOptions, RuleOptions {
  replicates?: number;
  alone?: boolean;
  inPrompt?: boolean;
}

/** `whet forge calibrate SUITE`: the noise of suite and judge, and the smallest effect that can be seen. */
export async function calibrateCommand(path: string, options: CalibrateOptions): Promise<number> {
  return working(".", options, async (work) => {
    const folder = existsSync(join(path, "SKILL.md")) ? resolve(path) : null;
    const suite = await suiteFor(folder, work.root, { ...options, suite: path });
    const { ledger, meter, stop, display } = work;
    const runner = runnerOf(work, whoOf(options), options);
    const result = await calibrateSuite({
      ...{ ledger, suite, meter, stop, runner, rule: ruleOf(options) },
      ...(options.replicates === undefined ? {} : { replicates: options.replicates }),
      onTrial: display.trial,
    });
    if (options.json) printJson(result);
    else if (result.kind === "paused") print(pausedText(result, work));
    else {
      const { always, never, falsePositives } = result.calibration;
      print(
        [
          `${suite.name}: ${calibrationWords(result.calibration)}`,
          `a skill that does nothing would be called better in ${(100 * falsePositives).toFixed(1)} % of tests`,
          ...(always.length > 0 ? [`always full marks, so of no use: ${always.join(", ")}`] : []),
          ...(never.length > 0 ? [`never any marks: ${never.join(", ")}`] : []),
        ].join("\n"),
      );
    }
    return result.kind === "paused" ? pausedCode(work) : 0;
  });
}

/** `whet forge matrix`: what skills do for families of goals, by agent and model. */
export async function matrixCommand(options: Output & { skill?: string }): Promise<number> {
  return withLibrary(".", async (ledger) => {
    const cells = await matrixOf(ledger, options.skill);
    if (options.json) printJson(cells);
    else if (cells.length === 0)
      print("nothing was tested yet: `whet skill test PATH` does it for an existing skill");
    else
      print(
        cells
          .map(
            ({ skill, version, family, agent, model, control, effect, transfer }) =>
              `${skill} v${version}  ${family}  ${agent}${model ? ` (${model})` : ""}  ${points(effect.points)}${range(effect.interval, 95)}${over(control)}  ${effect.pairs} pairs  ${transfer}`,
          )
          .join("\n"),
      );
    return 0;
  });
}

/** `whet forge status`: tests done and under way, skills whose proof is out of date. */
export async function forgeStatusCommand(options: Output): Promise<number> {
  return withLibrary(".", async (ledger, root) => {
    const settings = await readSettings(root);
    const expired = await expireSkills(ledger);
    const evaluations = await Promise.all(
      (await evaluationRows(ledger, { limit: 20 })).map(async (row) => {
        const tested = row.skillVersionId === null ? null : await skillOfVersion(ledger, row.skillVersionId);
        const runs = (await trialsOf(ledger, row.id)).length;
        return { ...row, runs, skill: tested?.row.name ?? null, version: tested?.version.version ?? null };
      }),
    );
    if (options.json) {
      printJson({
        ...{ settings, expired },
        evaluations: evaluations.map(({ components: _components, ...row }) => row),
      });
      return 0;
    }
    print(
      [
        settings.auto
          ? `at work on its own after goals: suite ${settings.suite ?? "none"}, agent ${settings.agent ?? `model: ${settings.model ?? "none"}`}`
          : "not at work on its own (`whet forge auto on` switches it on)",
        ...expired.map(({ skill, why }) => `${skill} is unverified now: ${why}`),
        ...evaluations.map(
          (row) =>
            `#${row.id} ${row.kind} of ${row.skill === null ? row.suite : `${row.skill} v${row.version} on ${row.suite}`}: ${evaluationWords(row)}`,
        ),
        ...(evaluations.length === 0 ? ["no tests yet"] : []),
      ].join("\n"),
    );
    return 0;
  });
}

/** What came of a test, or where it stands. */
function evaluationWords(
  row: Pick<SkillEvaluationRow, "endedAt" | "decision" | "reason"> & { runs: number },
) {
  const { endedAt, runs } = row;
  if (endedAt === null)
    return runs === 0
      ? "it was asked for, and no run of it was made"
      : `${runs} runs so far, under way or stopped; the same command goes on with it`;
  const [decision, reason] = [row.decision ?? "", row.reason ?? ""];
  if (decision === "" || reason.startsWith(decision)) return reason || "ended";
  return reason === "" ? decision : `${decision}: ${reason}`;
}

/** `whet forge auto on|off`: whether goals that end set the forge to work, with what, and within which limits. */
export async function autoCommand(
  way: string,
  options: Output & LimitOptions & WhoOptions & { suite?: string; every?: number },
): Promise<number> {
  if (way !== "on" && way !== "off") throw new UserError(`"${way}" is neither on nor off`);
  return withLibrary(".", async (_, root) => {
    const { runs, tokens, dollars, time } = limitsOf(options);
    const before = await readSettings(root);
    const { suite, agent, model, judge, url, every } = options;
    const settings = {
      ...before,
      auto: way === "on",
      ...(suite === undefined ? {} : { suite: relative(root, resolve(suite)) || "." }),
      ...(agent === undefined ? {} : { agent }),
      ...(model === undefined ? {} : { model }),
      ...(judge === undefined ? {} : { judge }),
      ...(url === undefined ? {} : { url }),
      ...(every === undefined ? {} : { every }),
      limits: {
        ...before.limits,
        ...(runs === undefined ? {} : { runs }),
        ...(tokens === undefined ? {} : { tokens }),
        ...(dollars === undefined ? {} : { dollars }),
        ...(time === undefined ? {} : { time }),
      },
    };
    const missing = (["suite", "model"] as const).filter((key) => settings[key] === undefined);
    if (settings.auto && missing.length > 0)
      throw new UserError(
        `it cannot work on its own without ${missing.join(", ")}`,
        `whet forge auto on ${missing.map((key) => `--${key} …`).join(" ")}`,
      );
    if (settings.auto && Object.keys(settings.limits).length === 0)
      throw new UserError(
        "on its own it needs a limit",
        "--runs 100, --tokens 2000000, --money 5 or --for 2h",
      );
    await writeSettings(root, settings);
    if (options.json) printJson(settings);
    else print(`${settingsPath(root)}: the forge is ${way}`);
    return 0;
  });
}

/** What ended may teach: for `whet goal run`, sessions and imports. Never fails, and says only what began. */
export async function feedForge(ledger: Ledger, root: string, goalId: number | null): Promise<void> {
  try {
    const came = await afterGoal(ledger, root, goalId);
    if (came.started && interactive)
      process.stderr.write(`the forge is at work (process ${came.pid}, .whetstone/forge.log)\n`);
  } catch (error) {
    process.stderr.write(`the forge did not begin: ${(error as Error).message}\n`);
  }
}

/** The same for a session of a lab that lies at the project's top: others have a ledger of their own. */
export async function feedFromSession(lab: string): Promise<void> {
  if (libraryRoot(lab) !== resolve(lab)) return;
  await withLibrary(lab, (ledger, root) => feedForge(ledger, root, null));
}

/** `whet forge replay ID`: the verdict of a test, derived again from its recorded runs. */
export async function forgeReplayCommand(id: number, options: Output): Promise<number> {
  return withLibrary(".", async (ledger) => {
    const replayed = await replayEvaluation(ledger, id);
    if (options.json) printJson(replayed);
    else
      print(
        replayed.same
          ? `#${id}: ${replayed.runs} runs give the same verdict again: ${replayed.verdict}`
          : `#${id}: recorded as "${replayed.recorded}", but its ${replayed.runs} runs give "${replayed.verdict}"`,
      );
    return replayed.same ? 0 : 1;
  });
}

interface SkillTestOptions extends Output, LimitOptions, WhoOptions, RuleOptions {
  suite?: string;
  out?: string;
  sealed?: boolean;
  alone?: boolean;
  inPrompt?: boolean;
  interference?: boolean;
  trigger?: boolean;
  triggerRuns?: number;
  agreed?: boolean;
}

/** `whet skill test PATH`: does it help, by how much, at what cost, how sure. */
export async function skillTestCommand(path: string, options: SkillTestOptions): Promise<number> {
  return working(".", options, async (work) => {
    const { ledger, root, meter, stop, signal, display } = work;
    const { versionId, name, folder } = await skillAt(ledger, path);
    const suite = await suiteFor(folder, root, options);
    const who = whoOf(options);
    const base = { ledger, versionId, suite, meter, stop, rule: ruleOf(options) };
    const onTrial = (row: Omit<TrialRow, "id">, recorded: boolean) => display.trial(row, recorded);
    display.step(`testing ${name} on ${suite.goals.length} goals with ${who.agent}`);
    const report = await testSkill({
      ...{ ...base, onTrial, onStep: display.step, runner: runnerOf(work, who, options) },
      ...(options.sealed === false ? { sealed: false } : {}),
      ...(options.agreed ? { agreed: true } : {}),
    });
    if (report.kind === "paused") {
      if (options.json) printJson(report);
      else print(pausedText(report, work));
      return pausedCode(work);
    }
    let apart: TestReport | TestPaused | null = null;
    if (options.interference && !options.alone) {
      display.step("the same without the rest of the library");
      apart = await testSkill({
        ...{ ...base, onTrial, sealed: false, settle: false, kind: "interference" },
        runner: runnerOf(work, who, { ...options, alone: true }),
      });
    }
    const { skill } = await skillOfVersion(ledger, versionId);
    let trigger = null;
    // What is given whole in the prompt is not for the agent to read or not; of a mere command nobody sees what it reads.
    const seen = !options.inPrompt && !/^command\b/.test(who.agent);
    if (options.trigger !== false && seen) {
      const queries = await triggerQueries(folder ?? root, suite, unrelated);
      const builtIn = /^model:/.test(who.agent) && who.model !== null;
      // A try costs a coding agent as much as the beginning of its work.
      const runs = options.triggerRuns ?? (builtIn ? 3 : 1);
      display.step(
        `when is it read: ${queries.length} questions, ${runs} ${runs === 1 ? "try" : "tries"} each`,
      );
      const trying = { ledger, versionId, meter, signal };
      trigger = await triggerTest({
        ...{ ledger, versionId, who, queries, meter, stop, runs, onQuery: display.question },
        loads: builtIn
          ? modelLoads({ ...trying, model: await openModel({ ...options, model: who.model as string }) })
          : agentLoads({
              ...trying,
              root,
              who,
              hide: suite.paths,
              ...(options.alone ? { library: false } : {}),
            }),
      });
    }
    const matrix = await matrixOf(ledger, name);
    const out = resolve(options.out ?? join(root, ".whetstone", "skills"));
    await mkdir(out, { recursive: true });
    const file = join(out, `${name}.html`);
    const page = pageOf(skill, report, { trigger, matrix });
    if (apart?.kind === "ended") page.notes.push(interferenceWords(report, apart));
    if (options.inPrompt)
      page.notes.push(
        "Its whole text was in every prompt of the runs with it: whether an agent would read it by itself was not tested.",
      );
    // A later version's test leaves this one's page alone.
    const kept = join(out, `${name}-v${report.version}.html`);
    for (const each of [kept, file]) await writeFile(each, skillHtml(page));
    if (options.json)
      printJson({ ...reportJson(report), trigger, matrix, alone: apart?.kind, page: file, kept });
    else {
      const text = reportText(report);
      print(text);
      for (const note of page.notes) if (!text.includes(note)) print(`  ${note}`);
      print(`\n${file}\nkept as ${kept}`);
    }
    return 0;
  });
}

/** Questions that hardly any skill is for. */
const unrelated = [
  "What is the capital of Australia?",
  "Thanks, that is all for today.",
  "Explain in two sentences what a binary search is.",
  "Translate 'good morning' into Spanish.",
  "Which of the two is larger, 17 or 71?",
];

function interferenceWords(report: TestReport, apart: TestReport): string {
  const [within, alone] = [report.verdict.effect, apart.verdict.effect];
  if (within === null || alone === null) return "Interference with the library could not be measured.";
  const less = alone.points - within.points;
  return `Beside the installed library it brings ${points(within.points)}, alone ${points(alone.points)}${range(alone.interval, sureOf(apart.rule))}: the library takes ${points(less)} of it${less > 0 && apart.verdict.kept && !report.verdict.kept ? ", and that is what keeps it from being kept" : ""}.`;
}

/** `whet skill improve PATH`: edits and tests, over and over, within the limits. */
export async function skillImproveCommand(
  path: string,
  options: SkillTestOptions & { patience?: number },
): Promise<number> {
  return working(".", options, async (work) => {
    const { ledger, meter, stop, display } = work;
    const { name, folder } = await skillAt(ledger, path);
    const suite = await suiteFor(folder, work.root, options);
    const before = { ...meter.spent };
    const improved = await improveSkill({
      ...{ asking: await askingOf(work, options), runner: runnerOf(work, whoOf(options), options) },
      ...{ skill: name, suite, meter, stop, rule: ruleOf(options), clean: openRedactor() },
      ...{ onStep: display.step, onTrial: (row, recorded) => display.trial(row, recorded) },
      ...(options.patience === undefined ? {} : { patience: options.patience }),
      ...(options.sealed === false ? { sealed: false } : {}),
      ...(options.agreed ? { agreed: true } : {}),
    });
    const { reports, ...short } = improved;
    if (options.json)
      printJson({ ...short, took: tookSince(meter, before), reports: reports.map(reportJson) });
    else
      print(
        [
          improvementWords(name, improved),
          ...improved.rounds.flatMap(roundLines),
          `these ${improved.judges.goals} goals have judged ${improved.judges.edits} edits of it (${improved.judges.most} at most): alpha is divided among all of them`,
          tookLine(tookSince(meter, before)),
          improved.kind === "paused"
            ? `stopped: ${improved.why}; the same command goes on`
            : `ended: ${improved.why}`,
          ...(improved.to === improved.from
            ? []
            : [
                `\`whet skill diff ${name} ${improved.from} ${improved.to}\` shows what changed, \`whet skill export ${name}\` writes it`,
              ]),
        ].join("\n"),
      );
    return improved.kind === "paused" ? pausedCode(work) : 0;
  });
}

const tookLine = (took: Took) => `all of it took ${took.runs} runs: ${tookWords(took)}`;

/** What became of one round, what the model wanted in vain, and what it took. */
function roundLines({ version, kept, effect, reason, dropped, took }: Improved["rounds"][number]): string[] {
  const what = version === null ? "no edit" : `version ${version}: ${kept ? "keep" : "discard"}`;
  return [
    `  ${what}${effect === "" ? "" : ` ${effect} points`}${version === null ? ":" : ","} ${reason} (${took.runs} runs: ${tookWords(took)})`,
    ...dropped.map(({ text, why }) => `    proposed, and dropped: ${JSON.stringify(text)}: ${why}`),
  ];
}

/** The headline of an improvement: never what its own tests said, which was chosen for being large. */
function improvementWords(name: string, { from, to, kind, audit }: Improved): string {
  if (audit === null) {
    if (from === to && kind === "ended") return `${name}: version ${from} stays (nothing was better)`;
    return `${name}: version ${from} → ${to}${from === to ? "" : "; what that is worth is measured at the end"}`;
  }
  const where = audit.sealed
    ? `on ${audit.goals} sealed goals that chose none of the edits (opened for ${audit.openings} versions so far)`
    : `on the ${audit.goals} goals that chose the edits, so it may be too high: seal some goals`;
  return `${name}: version ${audit.from} → ${audit.to}: ${auditWords(audit.effect)}, measured afresh by ${audit.runs} runs ${where}`;
}

/**
 * A skill by its folder, or by its name in the library. A folder's text is taken into the library as it is (as a version
 * of its own, where the library has another text under that name): what is in use does not change by being looked at.
 */
async function skillAt(
  ledger: Ledger,
  path: string,
): Promise<VersionKey & { name: string; folder: string | null }> {
  const folder = resolve(basename(path) === "SKILL.md" ? join(path, "..") : path);
  if (!existsSync(join(folder, "SKILL.md"))) {
    if (/[\\/]/.test(path)) throw new UserError(`${path} holds no SKILL.md`);
    const row = await requireSkill(ledger, path);
    const versions = await skillVersionRows(ledger, row.id);
    const version = versions.find((each) => each.version === row.currentVersion);
    if (!version) throw new UserError(`"${path}" has no version in use`);
    return {
      ...{ skillId: row.id, versionId: version.id, version: version.version, name: row.name },
      folder: row.path,
    };
  }
  const { skill, problems } = await readSkillFolder(folder);
  if (skill === null)
    throw new UserError(
      `${path} is no valid skill: ${problems.find(({ severity }) => severity === "error")?.what ?? ""}`,
      `\`whet skill validate ${path}\` tells more`,
    );
  const known = await skillRow(ledger, skill.name);
  const key = known
    ? await addVersion(ledger, skill.name, { skill, by: "folder", loose: true })
    : await addSkill(ledger, { skill, origin: "person", path: folder });
  return { ...key, name: skill.name, folder };
}

/** What a skill is tested with. Its own folder is as little for those who are tested as the suite is. */
async function suiteFor(folder: string | null, root: string, options: SkillTestOptions): Promise<Suite> {
  const suite = await openSuite(root, options.suite ?? folder ?? undefined, options);
  return folder === null ? suite : { ...suite, paths: [...suite.paths, folder] };
}

const points = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)} points`;

function reportText(report: TestReport): string {
  const { verdict, banding, treatment } = report;
  const { cost } = verdict;
  return [
    `${report.skill} v${report.version}: ${claimOf(report)}`,
    ...testsWords(report).map((words) => `  ${words}`),
    ...report.warnings.map((warning) => `  warning: ${warning}`),
    ...(verdict.effect === null
      ? []
      : [
          `  effect ${points(verdict.effect.points)}${range(verdict.effect.interval, sureOf(report.rule))}, ${verdict.effect.pairs} pairs over ${verdict.effect.tasks} goals, p ${verdict.p.better.toPrecision(2)}`,
        ]),
    `  ${groundsWords(report.grounds)}`,
    `  read in ${Math.round(100 * verdict.loaded.treatment)} % of its runs, in ${Math.round(100 * verdict.loaded.control)} % of the others`,
    ...(cost === null
      ? []
      : [`  cost ${cost.extra < 0 ? "−" : "+"}${Math.abs(100 * cost.extra).toFixed(0)} % ${cost.unit}`]),
    `  score ${treatment.overall?.value.toFixed(1) ?? "none"}, of how well runs go with it${treatment.missing.length > 0 ? ` (missing: ${treatment.missing.join(", ")})` : ""}`,
    ...(report.repeated === null
      ? [`  the test took ${report.took.runs} runs: ${tookWords(report.took)}`]
      : []),
    ...(report.suite.sealed > 0
      ? [
          `  sealed goals: ${report.sealed === null ? "not opened" : report.sealed.verdict.outcome}; opened for ${report.openings} versions so far`,
        ]
      : []),
    `  ${banding.band === "discarded" ? "discard" : `keep as ${banding.band}`}: ${banding.reason}`,
    ...(report.status === null ? [] : [`  ${report.inUse ? "in use" : `not in use: ${report.why}`}`]),
  ].join("\n");
}

function pausedText({ why, evaluation, trials }: TestPaused, { stop, meter }: Work): string {
  const limited = !stop.requested && meter.beyond() !== null;
  return `stopped after ${trials.length} runs: ${why}\nnothing is lost: the same command ${limited ? "with a higher limit " : ""}goes on with evaluation #${evaluation}`;
}

function reportJson({ trials, ...report }: TestReport): object {
  return { ...report, runs: trials.length };
}

function outcomeJson(outcome: ForgeOutcome): object {
  if (outcome.kind === "tested")
    return {
      ...outcome,
      worded: outcome.worded && jsonOf(outcome.worded),
      report: reportJson(outcome.report),
    };
  if (outcome.kind === "nothing") return { ...outcome, worded: outcome.worded && jsonOf(outcome.worded) };
  const { trials, ...rest } = outcome;
  return { ...rest, runs: trials.length };
}

/** Files of a skill are bytes: the candidate has none. */
function jsonOf(worded: Worded): object {
  const { candidate, ...rest } = worded;
  if (candidate === null) return worded;
  const { files: _files, ...skill } = candidate.skill;
  return { ...rest, candidate: { ...candidate, skill } };
}

function outcomeText(outcome: ForgeOutcome, work: Work): string {
  if (outcome.kind === "nothing")
    return `${countsText(outcome.counts)}\n${wordedText(outcome.worded, outcome.why)}`;
  if (outcome.kind === "paused") return `${outcome.draft.skill}: ${pausedText(outcome, work)}`;
  return `${outcome.worded ? `${wordedText(outcome.worded, "")}\n` : ""}${reportText(outcome.report)}`;
}

function countsText(counts: Counts): string {
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ["", title, ...lines.slice(0, 10).map((line) => `  ${line}`)];
  const chain = (calls: readonly string[]) => calls.join(" → ");
  return [
    `${counts.runs} runs (${counts.succeeded} succeeded, ${counts.failed} failed), ${counts.calls} calls, ${counts.wasted} of them failed, repeated or unused`,
    ...(counts.leftOut > 0 ? [`not counted: ${leftOutWords(counts)}`] : []),
    ...list(
      "what separates success from failure in the same tasks",
      counts.contrasts.map(
        (each) =>
          `${chain(each.calls)}: ${each.successWith}/${each.successWith + each.successWithout} of successes, ${each.failureWith}/${each.failureWith + each.failureWithout} of failures, p ${each.p.toPrecision(2)} (${each.adjusted.toPrecision(2)} for all looks)`,
      ),
    ),
    ...list(
      "criteria that are missed",
      counts.missed.map(
        (each) => `${each.criterion} (${each.family}): ${each.missed} of ${each.goals} goals`,
      ),
    ),
    ...list(
      "after an error",
      counts.recoveries.map(
        (each) =>
          `${each.call} "${each.error}", then ${each.next}: recovered ${each.recovered} of ${each.times}, in ${each.runs} runs`,
      ),
    ),
    ...list(
      "sequences",
      counts.sequences.map((each) => `${chain(each.calls)}: in ${each.runs} runs, ${each.times} times`),
    ),
    ...list(
      "calls that brought nothing",
      counts.waste.map((each) => `${each.why}: ${each.call}, ${each.times} times in ${each.runs} runs`),
    ),
    ...list(
      "time and tokens of a call",
      counts.steps.map(
        (each) =>
          `${each.call}: ${each.times} times${each.ms === null ? "" : `, ${Math.round(each.ms)} ms`}${each.tokens === null ? "" : `, ${Math.round(each.tokens)} tokens`}`,
      ),
    ),
  ].join("\n");
}

function wordedText(worded: Worded | null, why: string): string {
  if (worded === null) return `\nnothing to forge: ${why}`;
  const claims = (title: string, of: Worded["patterns"]) =>
    of.length === 0 ? [] : [title, ...of.map(({ claim, events }) => `  ${claim} [${events.join(", ")}]`)];
  return [
    "",
    ...claims("what helps", worded.patterns),
    ...claims("what does not", worded.antipatterns),
    ...(worded.dropped.length > 0
      ? [`${worded.dropped.length} sentences were dropped: they cite nothing that shows them`]
      : []),
    ...(worded.candidate === null
      ? [`no skill: ${why}`]
      : [
          `candidate ${worded.candidate.skill.name}: ${worded.candidate.skill.description}`,
          worded.candidate.skill.instructions,
        ]),
  ].join("\n");
}

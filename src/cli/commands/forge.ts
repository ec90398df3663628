import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { UserError } from "../../errors.ts";
import {
  afterGoal,
  analyze,
  calibrateSuite,
  calibrationWords,
  countTraces,
  expireSkills,
  forgeSkill,
  matrixOf,
  over,
  range,
  readSettings,
  replayEvaluation,
  settingsPath,
  writeSettings,
} from "../../forge/index.ts";
import { evaluationRows, type Ledger, type SkillEvaluationRow, trialsOf } from "../../ledger/index.ts";
import { openRedactor } from "../../redaction/index.ts";
import { libraryRoot, skillOfVersion, withLibrary } from "../../skills/index.ts";
import { complain, interactive, print, printJson } from "../output.ts";
import {
  countsText,
  jsonOf,
  outcomeJson,
  outcomeText,
  pausedText,
  points,
  wordedText,
} from "./forgeWords.ts";
import {
  askingOf,
  type LimitOptions,
  limitsOf,
  type Output,
  openSuite,
  pausedCode,
  type RuleOptions,
  ruleOf,
  runnerOf,
  suiteFor,
  type WhoOptions,
  whoOf,
  working,
} from "./trials.ts";

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
      complain(`the forge is at work (process ${came.pid}, .whetstone/forge.log)`);
  } catch (error) {
    complain(`the forge did not begin: ${(error as Error).message}`);
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

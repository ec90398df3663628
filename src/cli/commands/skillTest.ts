import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { UserError } from "../../errors.ts";
import {
  agentLoads,
  auditWords,
  type Improved,
  improveSkill,
  matrixOf,
  modelLoads,
  pageOf,
  range,
  sureOf,
  type TestPaused,
  type TestReport,
  type Took,
  testSkill,
  tookSince,
  tookWords,
  triggerQueries,
  triggerTest,
} from "../../forge/index.ts";
import { type Ledger, skillRow, skillVersionRows, type TrialRow } from "../../ledger/index.ts";
import { openRedactor } from "../../redaction/index.ts";
import { skillHtml } from "../../report/index.ts";
import {
  addSkill,
  addVersion,
  readSkillFolder,
  requireSkill,
  skillOfVersion,
  type VersionKey,
} from "../../skills/index.ts";
import { print, printJson } from "../output.ts";
import { pausedText, points, reportJson, reportText } from "./forgeWords.ts";
import {
  askingOf,
  type LimitOptions,
  type Output,
  openModel,
  pausedCode,
  type RuleOptions,
  ruleOf,
  runnerOf,
  suiteFor,
  type WhoOptions,
  whoOf,
  working,
} from "./trials.ts";

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

import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { UserError } from "../../errors.ts";
import { type Goal, goalFiles, goalHash, isMeantAsGoal, parseGoal } from "../../goals/index.ts";
import { type Answer, answersOf, testGoals } from "./leak.ts";

/** A goal that a skill is tested with. */
export interface SuiteGoal {
  /** Unique in its suite. */
  name: string;
  goal: Goal;
  hash: string;
  /** Folder that the goal's files are relative to. */
  folder: string;
  /** What its hidden files are relative to. */
  checks: string;
  /** Opened once per promotion only. */
  sealed: boolean;
  /** Texts that would give its answer away. */
  answers: Answer[];
}

/** Goals to test a skill with. */
export interface Suite {
  name: string;
  /** What it was read from, absolute: sealed goals and expectations are in there, so nobody who is tested may see it. */
  paths: string[];
  /** Of the open goals and of the sealed ones, with the contents of their files. */
  hash: string;
  sealedHash: string;
  goals: SuiteGoal[];
  sealed: SuiteGoal[];
  /** Goals that are no test for this skill, and why. */
  excluded: { name: string; why: string }[];
  /** Markdown files in its folder that are no goals, relative to it. */
  skipped: string[];
}

/** `evals/evals.json` as the ecosystem has it: both names of the expectations, and what whetstone adds. */
const evalsFile = z.looseObject({
  skill_name: z.string().min(1).optional(),
  judge: z.string().optional(),
  evals: z.array(
    z.looseObject({
      id: z.union([z.string(), z.number()]).transform(String),
      prompt: z.string().min(1),
      expected_output: z.string().optional(),
      files: z.array(z.string()).default([]),
      hidden: z.array(z.string()).default([]),
      protect: z.array(z.string()).default([]),
      expectations: z.array(z.unknown()).optional(),
      assertions: z.array(z.unknown()).optional(),
      family: z.string().optional(),
      sealed: z.boolean().default(false),
    }),
  ),
});

/**
 * Reads a suite: an `evals.json` (or a skill's folder, or its `evals/`, that has one), or a folder of goal files, in
 * which those below `sealed/` and those called `*.sealed.md` are sealed. Markdown files that are not meant as goals (no
 * front matter with keys of goals), and those that a goal names among its `files`, are skipped.
 *
 * Expectations of an `evals.json` are rubric items for the judge, as sentences; where they are maps, they are criteria as
 * goal files have them (`command`, `file`, `output`). Without any, the `expected_output` is what the judge looks for.
 *
 * Nobody who works on a goal of an `evals.json` is told its expectations: they are hidden criteria.
 *
 * @param of.project what hidden files of goals without `files` are relative to.
 * @param of.judge `provider/model` for rubric items whose goal names none.
 * @throws UserError when there is no suite, or a goal in it cannot be read.
 */
export async function readSuite(
  path: string,
  { project, judge }: { project: string; judge?: string | undefined },
): Promise<Suite> {
  const place = resolve(path);
  if (!existsSync(place))
    throw new UserError(`${path}: there is no such suite`, "give a folder of goal files");
  const evals = evalsIn(place);
  const { goals, skipped, paths } =
    evals === null
      ? await goalsIn(place, project, judge)
      : { goals: await evalGoals(evals, project, judge), skipped: [], paths: [evalsOwn(evals)] };
  if (goals.length === 0)
    throw new UserError(
      `${path} holds no goals${skipped.length === 0 ? "" : `: no front matter with criteria is in ${skipped.join(", ")}`}`,
      "a suite is a folder of goal files (*.md), or an evals/evals.json beside the skill",
    );
  const names = new Set<string>();
  for (const { name } of goals) {
    if (names.has(name)) throw new UserError(`${path}: two goals are called "${name}"`);
    names.add(name);
  }
  return {
    name: basename(evals === null ? place : skillFolder(evals)),
    ...(await divided(goals)),
    ...{ paths, excluded: [], skipped },
  };
}

/** Where the `evals.json` of a path is; null: it has none. */
function evalsIn(place: string): string | null {
  if (statSync(place).isFile()) return place.endsWith(".json") ? place : null;
  return (
    [join(place, "evals", "evals.json"), join(place, "evals.json")].find((file) => existsSync(file)) ?? null
  );
}

/** All that belongs to an `evals.json`. */
function evalsOwn(evals: string): string {
  return basename(dirname(evals)) === "evals" ? dirname(evals) : evals;
}

function skillFolder(evals: string): string {
  const folder = dirname(evals);
  return basename(folder) === "evals" ? dirname(folder) : folder;
}

async function evalGoals(path: string, project: string, judge?: string): Promise<SuiteGoal[]> {
  let document: unknown;
  try {
    document = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new UserError(`${path} is no JSON: ${(error as Error).message}`);
  }
  const read = evalsFile.safeParse(document);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new UserError(
      `${path}: ${issue?.path.join(".") || "the document"}: ${issue?.message}`,
      'it looks like {"skill_name": "...", "evals": [{"id": 1, "prompt": "...", "expectations": ["..."]}]}',
    );
  }
  const { skill_name: skill, judge: own, evals } = read.data;
  const folder = skillFolder(path);
  return evals.map((each) => {
    const expected = each.expectations ?? each.assertions ?? [];
    const criteria = expected.map((one) => {
      if (typeof one === "string") return { rubric: one, hidden: true };
      // Graders write {text, passed, evidence} here: the text is what is expected.
      const { text, name } = one as { text?: unknown; name?: unknown };
      return typeof text === "string"
        ? { rubric: text, ...(typeof name === "string" ? { name } : {}), hidden: true }
        : { hidden: true, ...(one as object) };
    });
    if (criteria.length === 0 && each.expected_output !== undefined)
      criteria.push({ rubric: `It comes to this: ${each.expected_output}`, hidden: true });
    const front = {
      title: `${skill ?? basename(folder)} ${each.id}`,
      family: each.family ?? skill ?? basename(folder),
      criteria,
      ...(each.files.length > 0 ? { files: each.files } : {}),
      ...(each.hidden.length > 0 ? { hidden: each.hidden } : {}),
      ...(each.protect.length > 0 ? { protect: each.protect } : {}),
      ...judged(own ?? judge),
    };
    const source = `---\n${stringify(front)}---\n\n${each.prompt}\n`;
    const goal = suiteGoal(
      each.id,
      source,
      { path: `${path} eval ${each.id}`, folder, project },
      each.sealed,
    );
    if (each.expected_output !== undefined) goal.answers.push(each.expected_output);
    return goal;
  });
}

const judged = (judge: string | undefined) => (judge === undefined ? {} : { judge });

async function goalsIn(
  place: string,
  project: string,
  judge?: string,
): Promise<Pick<Suite, "goals" | "paths" | "skipped">> {
  const single = statSync(place).isFile();
  const root = single ? dirname(place) : place;
  const all = await markdownIn(place);
  const sources = await Promise.all(
    all.map(async (path) => ({ path, source: await readFile(path, "utf8") })),
  );
  // A file that a person names is a goal, or an error.
  const meant = sources.filter(({ source }) => single || isMeantAsGoal(source));
  const data = new Set(
    meant.flatMap(({ path, source }) =>
      (parseGoal(source, path).goal?.files ?? []).map((file) => resolve(dirname(path), file)),
    ),
  );
  const goals: SuiteGoal[] = [];
  const paths: string[] = [];
  for (const { path, source } of meant) {
    if (data.has(path)) continue;
    const inside = relative(root, path);
    const name = inside.replace(/\.md$/, "");
    const sealed = /(?:^|[\\/])sealed[\\/]/.test(inside) || name.endsWith(".sealed");
    const goal = suiteGoal(name, source, { path, folder: dirname(path), project }, sealed);
    if (goal.goal.judge === undefined && judge !== undefined) goal.goal.judge = judge;
    goals.push(goal);
    paths.push(path);
  }
  const skipped = all.filter((path) => !paths.includes(path)).map((path) => relative(root, path));
  return { goals, paths, skipped };
}

async function markdownIn(place: string): Promise<string[]> {
  if (statSync(place).isFile()) return [place];
  return (await readdir(place, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function suiteGoal(
  name: string,
  source: string,
  { path, folder, project }: { path: string; folder: string; project: string },
  sealed: boolean,
): SuiteGoal {
  const { goal, problems } = parseGoal(source, join(folder, `${basename(name)}.md`));
  if (goal === null) {
    const first = problems.find(({ severity }) => severity === "error");
    throw new UserError(
      `${path}${first?.line ? `:${first.line}` : ""}: ${first?.what ?? "is no goal"}`,
      first?.fix ? `write: ${first.fix}` : "",
    );
  }
  // The folder that only seals goals is no family of its own.
  if (goal.family === "sealed") goal.family = basename(dirname(folder));
  return {
    ...{ name, goal, hash: goalHash(goal), folder, sealed, answers: answersOf(goal.criteria) },
    checks: goal.files.length > 0 ? folder : project,
  };
}

/**
 * The suite without the goals whose traces taught a skill.
 *
 * @param taught those goals.
 */
export async function withoutTaught(
  suite: Suite,
  taught: readonly { hash: string; title: string; text: string }[],
): Promise<Suite> {
  const asked = [...suite.goals, ...suite.sealed].map((goal) => ({
    ...{ hash: goal.hash, text: goal.goal.text, goal },
  }));
  const { suite: kept, excluded } = testGoals(asked, taught);
  if (excluded.length === 0) return suite;
  const left = kept.map(({ goal }) => goal);
  return {
    ...suite,
    ...(await divided(left)),
    excluded: [
      ...suite.excluded,
      ...excluded.map(({ goal, reason }) => ({ name: goal.goal.name, why: reason })),
    ],
  };
}

/** Open and sealed goals, each with their hash. */
async function divided(
  goals: readonly SuiteGoal[],
): Promise<Pick<Suite, "goals" | "sealed" | "hash" | "sealedHash">> {
  const open = goals.filter(({ sealed }) => !sealed);
  const sealed = goals.filter((goal) => goal.sealed);
  return { goals: open, sealed, hash: await suiteHash(open), sealedHash: await suiteHash(sealed) };
}

/** Some goals of a suite as a suite of their own. */
export async function partOf(suite: Suite, chosen: (goal: SuiteGoal) => boolean): Promise<Suite> {
  return { ...suite, ...(await divided([...suite.goals.filter(chosen), ...suite.sealed])) };
}

/** Hash over goals and the contents of their files: another suite is another yardstick. */
async function suiteHash(goals: readonly SuiteGoal[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { name, hash: goal, goal: of, folder, checks } of [...goals].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    hash.update(`${name}\0${goal}\0${of.judge ?? ""}\0`);
    for (const files of [await goalFiles(folder, of.files), await goalFiles(checks, of.hidden)])
      for (const [file, content] of Object.entries(files))
        hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

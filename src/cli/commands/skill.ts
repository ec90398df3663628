import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join, resolve } from "node:path";
import { formatProblem } from "../../contract/index.ts";
import { UserError } from "../../errors.ts";
import { type Ledger, skillRows, skillUseCounts } from "../../ledger/index.ts";
import {
  addSkill,
  addVersion,
  archiveSkill,
  diffVersions,
  discoverSkills,
  filesOf,
  fromRicher,
  hasLibrary,
  isRicher,
  lineageOf,
  type Measured,
  type Payback,
  paybackOf,
  pinSkill,
  type RelationKind,
  readSkillFolder,
  relateSkills,
  relationKinds,
  relationsOf,
  requireSkill,
  restoreSkill,
  rollbackSkill,
  skillOf,
  toRicher,
  unpinSkill,
  unrelateSkills,
  withEvolution,
  withLibrary,
  writeFolder,
} from "../../skills/index.ts";
import { print, printJson } from "../output.ts";

interface Options {
  json?: boolean;
}

/** A library that nobody has begun is not created by looking at it. */
async function withExisting<T>(use: (ledger: Ledger) => Promise<T>): Promise<T> {
  if (!hasLibrary("."))
    throw new UserError("this project has no library of skills yet", "`whet skill import FOLDER` begins one");
  return withLibrary(".", use);
}

export async function listCommand(options: Options & { home?: boolean; all?: boolean }): Promise<number> {
  const { skills, shadowed, problems } = await discoverSkills(".", options.home ? { home: homedir() } : {});
  const kept = hasLibrary(".")
    ? await withLibrary(".", async (ledger) => {
        const uses = await skillUseCounts(ledger);
        return (await skillRows(ledger)).map((row) => ({
          ...{ name: row.name, status: row.status, version: row.currentVersion, pinned: row.pinned === 1 },
          ...{ origin: row.origin, category: row.category, path: row.path },
          uses: uses.get(row.id)?.uses ?? 0,
          loaded: uses.get(row.id)?.loaded ?? 0,
        }));
      })
    : [];
  const library = kept.filter((row) => options.all || row.status !== "archived");
  const names = new Set(kept.map((row) => row.name));
  const onDisk = skills
    .filter(({ skill }) => !names.has(skill.name))
    .map(({ skill, path, scope }) => ({ name: skill.name, description: skill.description, path, scope }));
  const hidden = shadowed.map(({ skill, path, scope }) => ({ name: skill.name, path, scope }));
  if (options.json) {
    printJson({ library, onDisk, shadowed: hidden, problems });
    return 0;
  }
  if (library.length > 0)
    print(
      table(
        ["skill", "status", "version", "uses", "read", "origin", "category"],
        library.map((row) => [
          row.name,
          row.status,
          `${row.version}${row.pinned ? " pinned" : ""}`,
          String(row.uses),
          String(row.loaded),
          row.origin,
          row.category ?? "",
        ]),
      ),
    );
  else print("The library is empty.");
  if (onDisk.length > 0) {
    print("\nOn disk and not in the library (`whet skill import FOLDER` takes one in):");
    print(
      table(
        ["skill", "where"],
        onDisk.map(({ name, path }) => [name, path]),
      ),
    );
  }
  for (const { name, path } of hidden) print(`${path}: hidden by another "${name}"`);
  for (const { path, problem } of problems) print(formatProblem(join(path, "SKILL.md"), problem));
  return 0;
}

export async function showCommand(name: string, options: Options & { full?: boolean }): Promise<number> {
  return withExisting(async (ledger) => {
    const row = await requireSkill(ledger, name);
    const [skill, versions, relations, payback] = [
      await skillOf(ledger, name),
      await lineageOf(ledger, name),
      await relationsOf(ledger, name),
      await paybackOf(ledger, name),
    ];
    if (options.json) {
      const { files, ...rest } = skill;
      const { id: _id, ...known } = row;
      printJson({
        ...{ ...known, pinned: row.pinned === 1, skill: { ...rest, files: [...files.keys()] } },
        ...{ versions, relations, payback },
      });
      return 0;
    }
    print(
      `${name}  ${row.status}, version ${row.currentVersion}${row.pinned === 1 ? " (pinned)" : ""}, by ${row.origin}`,
    );
    print(`  ${skill.description}`);
    if (skill.allowedTools.length > 0) print(`  tools: ${skill.allowedTools.join(" ")}`);
    for (const { from, kind, to } of relations) print(`  ${from} ${kind} ${to}`);
    print("");
    print(
      table(
        ["version", "from", "date", "status", "score", "effect", "decision"],
        versions.map((each) => [
          `${each.version}${each.version === row.currentVersion ? " *" : ""}`,
          each.parent === null ? "" : String(each.parent),
          new Date(each.createdAt).toISOString().slice(0, 10),
          each.status,
          each.score === null ? "not measured" : each.score.toFixed(1),
          each.effect === null
            ? "not tested"
            : `${points(each.effect.delta)} [${points(each.effect.low)}, ${points(each.effect.high)}]`,
          each.decision ?? "",
        ]),
      ),
    );
    print("");
    for (const line of paybackLines(payback)) print(line);
    if (options.full) print(`\n${skill.instructions}`);
    return 0;
  });
}

function paybackLines({ uses, loaded, testing, perUse, usesToPayBack, balance }: Payback): string[] {
  const lines = [`offered ${uses} times, known to have been read ${loaded} times`];
  const cost = [
    testing.tokens === null ? null : `${testing.tokens} tokens`,
    testing.dollars === null ? null : `$${testing.dollars.toFixed(2)}`,
    testing.ms === null ? null : seconds(testing.ms),
  ].filter((part) => part !== null);
  if (testing.evaluations === 0) return [...lines, "never tested: what it is worth is not known"];
  lines.push(`testing took ${cost.join(", ") || "an unknown amount"} in ${testing.evaluations} evaluations`);
  if (perUse === null) return [...lines, "the version in use has no finished test"];
  const interval =
    perUse.low === null || perUse.high === null ? "" : ` [${points(perUse.low)}, ${points(perUse.high)}]`;
  const saved = (amount: number, text: string) => `${text} ${amount < 0 ? "more" : "saved"}`;
  lines.push(
    [
      `each use: ${points(perUse.points)} points${interval}`,
      ...(perUse.tokens === null
        ? []
        : [saved(perUse.tokens, `${Math.abs(Math.round(perUse.tokens))} tokens`)]),
      ...(perUse.ms === null ? [] : [saved(perUse.ms, seconds(Math.abs(perUse.ms)))]),
    ].join(", "),
  );
  if (usesToPayBack.tokens !== null)
    lines.push(
      `${usesToPayBack.tokens} reads pay for the tests in tokens${(balance.tokens ?? -1) >= 0 ? ": done" : ""}`,
    );
  return lines;
}

export async function validateCommand(folders: string[], options: Options): Promise<number> {
  const results = [];
  for (const folder of folders) {
    const path = basename(folder).toLowerCase() === "skill.md" ? resolve(folder, "..") : resolve(folder);
    const { problems } = await readSkillFolder(path);
    results.push({ path, valid: problems.every(({ severity }) => severity !== "error"), problems });
  }
  if (options.json) printJson(results);
  else
    for (const { path, valid, problems } of results) {
      for (const problem of problems) print(formatProblem(join(path, "SKILL.md"), problem));
      print(`${path}: ${valid ? "valid" : "not valid"}`);
    }
  return results.every(({ valid }) => valid) ? 0 : 1;
}

export async function importCommand(
  folder: string,
  options: Options & { from?: string; category?: string },
): Promise<number> {
  const read = await readSkillFolder(resolve(folder));
  if (read.skill === null) {
    for (const problem of read.problems) print(formatProblem(join(folder, "SKILL.md"), problem));
    throw new UserError(`${folder} was not imported`, "mend what is named above");
  }
  const converted = isRicher(read.skill, read.extra);
  const skill = converted ? fromRicher(read.skill, read.extra) : read.skill;
  const origin = options.from ?? "person";
  const result = await withLibrary(".", async (ledger) => {
    const there = (await skillRows(ledger)).some((row) => row.name === skill.name);
    if (!there) {
      const category = options.category === undefined ? {} : { category: options.category };
      return { ...(await addSkill(ledger, { skill, origin, path: read.path, ...category })), fresh: true };
    }
    // What richer front matter claims of itself is no new text.
    return addVersion(ledger, skill.name, { skill, by: origin, loose: converted });
  });
  const { leftOut } = read;
  if (options.json)
    printJson({ name: skill.name, version: result.version, fresh: result.fresh, converted, leftOut });
  else {
    print(
      result.fresh
        ? `${skill.name}: version ${result.version}, a draft until it is proven (\`whet skill test\`)`
        : `${skill.name}: the library has this text already, as version ${result.version}`,
    );
    if (converted) print("its name or keys were not the specification's: they are in its metadata now");
    for (const file of leftOut) print(`left out: ${file}`);
  }
  return 0;
}

export async function exportCommand(
  name: string,
  options: Options & { to: string; skillVersion?: number; richer?: boolean; force?: boolean },
): Promise<number> {
  return withExisting(async (ledger) => {
    const row = await requireSkill(ledger, name);
    const version = options.skillVersion ?? row.currentVersion;
    const lineage = await lineageOf(ledger, name);
    const skill = withEvolution(await skillOf(ledger, name, version), lineage, version);
    const files = filesOf(skill);
    if (options.richer) {
      const score = lineage.find((each) => each.version === version)?.score;
      const measured: Measured = {
        generation: version,
        ...(typeof score === "number" ? { effectivenessScore: score } : {}),
        evolutionHistory: lineage.map((each) => ({
          generation: String(each.version),
          date: new Date(each.createdAt).toISOString().slice(0, 10),
          status: each.status,
          ...(each.score === null ? {} : { score: String(each.score) }),
          ...(each.decision === null ? {} : { change: each.decision }),
        })),
      };
      files.set("SKILL.md", Buffer.from(toRicher(skill, measured)));
    }
    await mkdir(resolve(options.to), { recursive: true });
    const path = join(resolve(options.to), name);
    await writeFolder(files, path, options.force);
    if (options.json) printJson({ name, version, path });
    else print(`${path}: version ${version} of ${name}`);
    return 0;
  });
}

export async function diffCommand(
  name: string,
  from: number | undefined,
  to: number | undefined,
  options: Options,
): Promise<number> {
  return withExisting(async (ledger) => {
    const result = await diffVersions(ledger, name, from, to);
    if (options.json) printJson(result);
    else print(result.diff === "" ? "no difference" : result.diff);
    return 0;
  });
}

export async function rollbackCommand(name: string, options: Options & { to?: number }): Promise<number> {
  return withExisting(async (ledger) => {
    const { from, to } = await rollbackSkill(ledger, name, options.to);
    if (options.json) printJson({ name, from, to });
    else print(`${name}: version ${to} is in use (was ${from}, which is kept)`);
    return 0;
  });
}

export async function pinCommand(
  name: string,
  version: number | undefined,
  options: Options,
): Promise<number> {
  return withExisting(async (ledger) => {
    const pinned = await pinSkill(ledger, name, version);
    if (options.json) printJson({ name, pinned });
    else print(`${name}: stays at version ${pinned} until \`whet skill unpin ${name}\``);
    return 0;
  });
}

export async function unpinCommand(name: string, options: Options): Promise<number> {
  return withExisting(async (ledger) => {
    await unpinSkill(ledger, name);
    if (options.json) printJson({ name, pinned: null });
    else print(`${name}: no longer pinned`);
    return 0;
  });
}

export async function archiveCommand(
  name: string,
  options: Options & { restore?: boolean },
): Promise<number> {
  return withExisting(async (ledger) => {
    let status = "archived";
    if (options.restore) status = await restoreSkill(ledger, name);
    else await archiveSkill(ledger, name);
    if (options.json) printJson({ name, status });
    else
      print(
        options.restore
          ? `${name}: ${status} again`
          : `${name}: out of use, with everything kept; \`whet skill archive ${name} --restore\` takes it back`,
      );
    return 0;
  });
}

export async function relateCommand(
  from: string,
  kind: string,
  to: string,
  options: Options & { remove?: boolean },
): Promise<number> {
  const relation = relationKinds.find((each) => each === kind.replaceAll("-", " "));
  if (!relation)
    throw new UserError(
      `skills do not stand in "${kind}" to each other`,
      `one of: ${relationKinds.map((each) => each.replaceAll(" ", "-")).join(", ")}`,
    );
  return withExisting(async (ledger) => {
    const changed = await change(ledger, from, relation, to, options.remove === true);
    if (options.json) printJson({ from, kind: relation, to, related: options.remove !== true, changed });
    else if (options.remove)
      print(
        changed ? `${from} no longer ${relation} ${to}` : `${from} did not stand in "${relation}" to ${to}`,
      );
    else print(`${from} ${relation} ${to}`);
    return 0;
  });
}

async function change(
  ledger: Ledger,
  from: string,
  relation: RelationKind,
  to: string,
  remove: boolean,
): Promise<boolean> {
  if (remove) return unrelateSkills(ledger, from, relation, to);
  await relateSkills(ledger, from, relation, to);
  return true;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function points(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

import type { Skill, SkillStatus } from "./skill.ts";

/** What the library knows of one version, for a person to read. */
export interface Ancestor {
  version: number;
  parent: number | null;
  status: SkillStatus;
  /** SES; null: not measured. */
  score: number | null;
  /** Difference with minus without the skill, in points, and its 95 % interval; null: not tested. */
  effect: { delta: number; low: number; high: number; pairs: number } | null;
  /** Why it was kept or not; null: nobody decided. */
  decision: string | null;
  /** Goals whose traces taught it. */
  sourceGoals: readonly number[];
  sourceFamilies: readonly string[];
  /** Each claim with the trace events that it rests on. */
  claims: readonly { claim: string; events: readonly string[] }[];
  /** Milliseconds since the epoch. */
  createdAt: number;
}

/** `references/EVOLUTION.md`: where a skill comes from, what was measured of it and what was decided, newest first. */
export function evolutionText(name: string, lineage: readonly Ancestor[], current: number): string {
  const newest = lineage.toSorted((a, b) => b.version - a.version);
  const rows = newest.map((each) =>
    [
      each.version === current ? `**${each.version}** (in use)` : String(each.version),
      each.parent ?? "",
      new Date(each.createdAt).toISOString().slice(0, 10),
      each.status,
      each.score === null ? "not measured" : each.score.toFixed(1),
      each.effect === null
        ? "not tested"
        : `${signed(each.effect.delta)} [${signed(each.effect.low)}, ${signed(each.effect.high)}], ${each.effect.pairs} pairs`,
      cell(each.decision ?? ""),
    ].join(" | "),
  );
  const parts = [
    `# How ${name} came about`,
    "",
    "Written by whetstone from its ledger. Effects are points of score (0 to 100) with minus without the skill, with their 95 % intervals.",
    "",
    "| version | from | date | status | score | effect | decision |",
    "|---|---|---|---|---|---|---|",
    ...rows.map((row) => `| ${row} |`),
  ];
  for (const each of newest) {
    if (each.sourceGoals.length + each.sourceFamilies.length + each.claims.length === 0) continue;
    parts.push("", `## Version ${each.version}`, "");
    if (each.sourceGoals.length > 0)
      parts.push(`Learned from goals ${each.sourceGoals.map((id) => `#${id}`).join(", ")}.`);
    if (each.sourceFamilies.length > 0) parts.push(`Families: ${each.sourceFamilies.join(", ")}.`);
    for (const { claim, events } of each.claims)
      parts.push(`- ${line(claim)}${events.length > 0 ? ` (seen in ${events.join(", ")})` : ""}`);
  }
  return `${parts.join("\n")}\n`;
}

/** The skill with its lineage: in metadata, as the specification has it, and to read. */
export function withEvolution(skill: Skill, lineage: readonly Ancestor[], version: number): Skill {
  const own = lineage.find((each) => each.version === version);
  const metadata = Object.fromEntries(
    Object.entries(skill.metadata).filter(([key]) => !key.startsWith("whetstone-")),
  );
  metadata["whetstone-version"] = String(version);
  if (own) {
    metadata["whetstone-status"] = own.status;
    if (own.parent !== null) metadata["whetstone-parent"] = String(own.parent);
    if (own.score !== null) metadata["whetstone-score"] = own.score.toFixed(1);
  }
  const text = evolutionText(skill.name, lineage, version);
  return { ...skill, metadata, files: new Map([...skill.files, [evolutionPath, Buffer.from(text)]]) };
}

export const evolutionPath = "references/EVOLUTION.md";

/** The skill as its author wrote it: without what `withEvolution` adds. */
export function withoutEvolution(skill: Skill): Skill {
  return {
    ...skill,
    metadata: Object.fromEntries(
      Object.entries(skill.metadata).filter(([key]) => !key.startsWith("whetstone-")),
    ),
    files: new Map([...skill.files].filter(([path]) => path !== evolutionPath)),
  };
}

function signed(points: number): string {
  return `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;
}

function line(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

function cell(text: string): string {
  return line(text).replaceAll("|", "\\|");
}

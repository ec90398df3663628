import { groups, type Verdict } from "./attack.ts";
import { runStatistics, type StatisticalFinding, statistics } from "./statistics.ts";
import type { Survey } from "./survey.ts";

/** The table stands between these two lines of docs/security.md. */
export const marks = [
  "<!-- attacks: written by tests/attacks/writeTable.ts -->",
  "<!-- /attacks -->",
] as const;

const levels = ["L0", "L2"] as const;
const verdicts: readonly Verdict[] = ["blocked", "detected", "not covered"];

interface Row {
  group: string;
  name: string;
  lab: string;
  found: Partial<Record<(typeof levels)[number], Verdict>>;
}

/** Totals and one row for each attack, as Markdown. */
export function table(
  { findings }: Pick<Survey, "findings">,
  gambled = statistics.map(runStatistics),
): string {
  const rows: Row[] = [];
  for (const { attack, level, verdict } of findings) {
    const known = rows.find((row) => row.name === attack.name && row.lab === attack.lab);
    const row = known ?? { group: attack.group, name: attack.name, lab: attack.lab, found: {} };
    if (!known) rows.push(row);
    row.found[level] = verdict;
  }
  for (const finding of gambled) rows.push(statistical(finding));

  const lines = [
    "| group | level | attempted | blocked | detected | not covered |",
    "|---|---|--:|--:|--:|--:|",
  ];
  for (const level of levels) {
    for (const group of [...groups, null]) {
      const found = rows
        .filter((row) => group === null || row.group === group)
        .map((row) => row.found[level])
        .filter((verdict) => verdict !== undefined);
      const counts = verdicts.map((verdict) => found.filter((each) => each === verdict).length);
      lines.push(`| ${[group ?? "**all**", level, found.length, ...counts].join(" | ")} |`);
    }
  }
  for (const group of groups) {
    lines.push("", `### ${group[0]?.toUpperCase()}${group.slice(1)}`, "");
    lines.push("| attack | on | L0 | L2 |", "|---|---|---|---|");
    for (const row of rows)
      if (row.group === group)
        lines.push(
          `| ${escaped(row.name)} | ${row.lab} | ${levels.map((level) => row.found[level] ?? "–").join(" | ")} |`,
        );
  }
  return lines.join("\n");
}

function statistical({ attack, mean, verdict }: StatisticalFinding): Row {
  return {
    group: "statistics",
    name: `${attack.name}: ${(100 * mean).toFixed(1)} % kept`,
    lab: "the rule",
    found: { L0: verdict, L2: verdict },
  };
}

function escaped(text: string): string {
  return text.replace(/[|<>]/g, (sign) => `\\${sign}`);
}

/** What stands between the marks. @throws when a mark is missing. */
export function between(page: string): string {
  const [, rest] = page.split(`${marks[0]}\n`);
  const [inner] = rest?.split(`\n${marks[1]}`) ?? [];
  if (inner === undefined || !page.includes(marks[1])) throw new Error("docs/security.md has lost its marks");
  return inner.trim();
}

/** The page with another table. */
export function withTable(page: string, text: string): string {
  between(page);
  const [before = "", rest = ""] = page.split(marks[0]);
  const [, after = ""] = rest.split(marks[1]);
  return `${before}${marks[0]}\n\n${text}\n\n${marks[1]}${after}`;
}

import { program, whet } from "./lab.ts";

/** What the tests read of `whet status --json`. */
export interface Status {
  tag: string;
  branch: string;
  stopReason: string | null;
  tally: { all: number; keeps: number; discards: number };
  best: { value: number; experiment: number | null };
  audit: { effect: number } | null;
  evaluations: number;
  waiting: number[];
  alarm: string | null;
  grade: { letter: string; reasons: string[] };
  ladder: { stage: string; runs: number; transfer: { climbed: number; better: number } | null }[];
  arms: { researcher: string; experiments: number; keeps: number; ms: number }[];
  epochs: { epoch: number; tag: string; baseline: number }[];
}
export interface Row {
  id: number;
  status: string;
  reason: string;
  doubt: string | null;
  what: string;
  researcher: string;
}

export const json = async <Result>(lab: string, ...args: string[]): Promise<Result> => {
  const ran = await whet(lab, ...args, "--json");
  return JSON.parse(ran.stdout) as Result;
};
export const status = (lab: string) => json<Status>(lab, "status");
export const log = (lab: string) => json<Row[]>(lab, "log", "--all");

/**
 * A file of numbers and a scorer that adds up how far each is from its best: deterministic, fast, with gains of any size.
 */
export function knobs(
  more: string,
  extra: Record<string, string> = {},
  best: Record<string, number> = { a: 8, b: 4, c: 2 },
): Record<string, string> {
  return {
    "knobs.json": `${JSON.stringify(Object.fromEntries(Object.keys(best).map((name) => [name, 1])), null, 2)}\n`,
    "score.mjs": [
      'import { readFileSync } from "node:fs";',
      'import { join } from "node:path";',
      `const best = ${JSON.stringify(best)};`,
      'const knobs = JSON.parse(readFileSync(join(process.env.CANDIDATE, "knobs.json"), "utf8"));',
      "let loss = 0;",
      "for (const [name, value] of Object.entries(best)) {",
      '  if (!(Math.abs(knobs[name]) <= 1000)) throw new Error(name + " is out of range");',
      "  loss += Math.abs(Math.log2(value / Math.max(knobs[name], 0.01)));",
      "}",
      "console.log(JSON.stringify({ metrics: { loss } }));",
      "",
    ].join("\n"),
    "program.md": program(
      `metric: loss\ndirection: minimize\nchange: [knobs.json]\nrun: "true"\nscore: node score.mjs\nbudget: 10s\n${more}`,
    ),
    ...extra,
  };
}

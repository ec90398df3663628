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
 * A file of numbers and a scorer that adds up how far each is from its best: deterministic, with gains of any size. The
 * scorer is in Perl, which starts in a tenth of Node's time; a test that brings a `score.mjs` has it run by Node.
 */
export function knobs(
  more: string,
  extra: Record<string, string> = {},
  best: Record<string, number> = { a: 8, b: 4, c: 2 },
): Record<string, string> {
  const scorer = "score.mjs" in extra ? "node score.mjs" : "perl score.pl";
  return {
    "knobs.json": `${JSON.stringify(Object.fromEntries(Object.keys(best).map((name) => [name, 1])), null, 2)}\n`,
    ...("score.mjs" in extra ? {} : { "score.pl": distances(best) }),
    "program.md": program(
      `metric: loss\ndirection: minimize\nchange: [knobs.json]\nrun: "true"\nscore: ${scorer}\nbudget: 10s\n${more}`,
    ),
    ...extra,
  };
}

/** The scorer's text. It reads numbers at the top of a JSON file, and nothing else of that format. */
function distances(best: Record<string, number>): string {
  return [
    "use strict;",
    `my %best = (${Object.entries(best)
      .map(([name, value]) => `"${name}" => ${value}`)
      .join(", ")});`,
    'open(my $file, "<", "$ENV{CANDIDATE}/knobs.json") or die "no knobs.json: $!";',
    'my $text = join("", <$file>);',
    "my $loss = 0;",
    "for my $name (sort keys %best) {",
    '  my ($value) = $text =~ /"$name"\\s*:\\s*(-?[\\d.]+(?:[eE][-+]?\\d+)?)/ or die "no $name";',
    '  die "$name is out of range" unless abs($value) <= 1000;',
    "  $loss += abs(log($best{$name} / ($value > 0.01 ? $value : 0.01)) / log(2));",
    "}",
    'printf("{\\"metrics\\": {\\"loss\\": %.15g}}\\n", $loss);',
    "",
  ].join("\n");
}

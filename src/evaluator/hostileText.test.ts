import { describe, expect, it } from "vitest";
import { parseProgram } from "../contract/index.ts";
import { type MetricPreset, usualFigures } from "../metricSources/index.ts";
import { printable, printableJson } from "../printable.ts";
import { openRedactor } from "../redaction/index.ts";
import { grantHints } from "./hints/index.ts";
import { logTail } from "./logTail.ts";
import { asShown, cleaned } from "./metrics/clean.ts";
import { guessSource } from "./metrics/guess.ts";
import { readMetrics } from "./metrics/lines.ts";
import { nearestWords } from "./metrics/near.ts";
import { readSource } from "./metrics/source.ts";
import { Units } from "./metrics/units.ts";
import { reasonLine } from "./reason.ts";

/**
 * Whoever is measured writes what is read here. A search whose time grows with the square of a text would stop the whole
 * process for minutes, and with it the limits that it watches.
 */

const contract = parseProgram(
  "---\ngoal: x\nmetric: m\ndirection: minimize\nchange: [a.txt]\nrun: sh a.txt\n---\nx\n",
).program?.contract;
if (!contract) throw new Error("the contract of this test is wrong");
const units = () => new Units(contract);
const redact = openRedactor({ homes: false, emails: true });
const withHomes = openRedactor({ home: "/home/u" });
const host = {
  ...{ home: "/home/u", root: "/repo", lab: "", kindOf: () => null, inTree: () => false },
  ...{ commandPath: () => null, hasVariable: () => false, hasGpu: () => true },
};
const source = (from: Parameters<typeof readSource>[0]) => (text: string) =>
  readSource(from, [{ name: "", text }], "minimize");

/** Everything that reads what a run wrote. */
const readers: Record<string, (text: string) => unknown> = {
  ...{ asShown, cleaned, printable, printableJson, redact, "redact with homes": withHomes },
  "reason of a failure": (text) => reasonLine(text, text),
  "tail of a log": (text) => logTail(text, { redact, longestSecret: 40 }),
  "metrics on lines": (text) => readMetrics(text, { metric: "m", guards: [] }, units()),
  "nearest lines": (text) => nearestWords(text, "m"),
  "guessed sources": (text) => guessSource(text, {}),
  hints: (log) => grantHints({ ...{ log, part: "run", command: "sh a.txt", level: "L2" }, contract, host }),
  json: source({ kind: "json", at: "a.b[c=d]" }),
  csv: source({ kind: "csv", column: "a", row: "last" }),
  tsv: source({ kind: "tsv", column: "a", row: "b=c" }),
  junit: source({ kind: "junit", at: "time" }),
  ...Object.fromEntries(
    (Object.keys(usualFigures) as MetricPreset[]).map((preset) => [
      preset,
      source({ kind: "preset", preset }),
    ]),
  ),
};

/** What is repeated. */
const repeated = [
  ...Array.from("\r \t\n%-.,:;=/\\|\"'`<>([{}])_a1A@?&#$~µ·✓\u001b\u009b\u200b\u{1f600}"),
  ...'\r\r\n| x |,1 |-eyJaaaa|eyJaaaaaaaa.|-SG.aaaaaaaaaaaaaaaaa|<!--|<![CDATA[|<?|<!"|<a>|<a b="|</a>|<testcase>'.split(
    "|",
  ),
  ...[
    "<testsuite time='1'>",
    '"""',
    '",',
    ',"',
    "{\n",
    "[\n",
    "{\n[\n",
    "}\n",
    "{}\n",
    '{"a":',
    "1,111",
    "1.",
    "1e",
    "1-",
    " 1",
  ],
  ...[
    "a ",
    "a: ",
    "a.b.",
    "a x ",
    "a  ",
    "% ",
    "%,",
    "a 1 b 2 ",
    "m: 1\n",
    "Error: ",
    "error: ",
    "not found: ",
    "at ",
    "E   ",
  ],
  ...[
    "pwd=",
    "/pwd=",
    "key: ",
    'key="',
    "token is ",
    "secret",
    "pwd=!",
    "curl -u ",
    "machine a login ",
    "://",
    "://a:",
    "?key=",
  ],
  ...[
    "Bearer ",
    "cookie: a=",
    "/home/",
    "C:\\\\Users\\\\",
    "a@",
    "-----BEGIN PRIVATE KEY-----",
    "ghp_",
    "sk-",
    "\\n",
    "\u001b[",
    "\u001b]",
  ],
  ...[
    "\u001b[1;",
    "\u001b[[;",
    ";a",
    "\u001b];a",
    "time: [1 ",
    "a | 1 |",
    "1 ns ",
    "Benchmark",
    "x 1 ops/sec ",
    "Latency 1ms ",
    "\nLatency",
  ],
  ...[
    "File |",
    "Name Stmts Miss ",
    "a=1 ",
    "a(1",
    "...",
    "No module named '",
    "command not found\n",
    "/a",
    "../",
    "host='",
  ],
];
/** A beginning and an end that let a search set out and fail. */
const around: readonly [string, string][] = [
  ["", "x"],
  ["a", "x\n"],
  ["\u001b[", "!"],
  ["Benchmark 1 ", "x"],
  [" name hz min max mean\n · ", "x\n"],
  ["Name  Stmts  Miss  Cover\na ", "x\n"],
  ["File | % Stmts |\n", "x\n"],
];
const texts = repeated.map((unit, index) => {
  const [before, after] = around[index % around.length] as [string, string];
  return {
    name: JSON.stringify([before, unit, after]),
    of: (length: number) => before + unit.repeat(Math.ceil(length / unit.length)) + after,
  };
});

/** Milliseconds of processor time: what else the machine does takes none of it. */
function time(read: (text: string) => unknown, text: string): number {
  const begun = process.cpuUsage();
  read(text);
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000;
}

/**
 * Characters, and the most milliseconds that they may take, many times what a reader takes whose time grows with the
 * length. In the cube of the length the first takes longer than that, in its square the last.
 */
const bounds = [
  { length: 1500, most: 500 },
  { length: 64_000, most: 1800 },
] as const;

/** Collecting garbage may cost once what it does not cost again. */
function isLinear(read: (text: string) => unknown, of: (length: number) => string): boolean {
  return bounds.every(({ length, most }) => time(read, of(length)) < most || time(read, of(length)) < most);
}

describe("the time for what a candidate wrote grows with its length", () => {
  it.each(Object.entries(readers))("%s", (_, read) => {
    expect(texts.filter(({ of }) => !isLinear(read, of)).map(({ name }) => name)).toEqual([]);
  });
});

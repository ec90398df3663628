import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inflateSync } from "node:zlib";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { repository, startWith } from "./support/lab.ts";

const fixtures = join(import.meta.dirname, "..", "src", "traces", "fixtures");
const yesterday = new Date(Date.now() - 24 * 3600 * 1000);

/** What somebody pasted into a prompt: each by its own form or by its place. Put together here, so that no scanner trips. */
const secrets = {
  model: `sk-${"ant-api03-"}${"q7Wx".repeat(12)}`,
  github: `gh${"p_"}${"z9Yk".repeat(9)}`,
  aws: `AK${"IA"}QWERTYUIOP234567`,
  password: "c0rrectHorse9Battery",
  home: "/home/somebody/notes",
};
const planted = [
  `The sum is wrong: mend it. Use ${secrets.model} and ${secrets.github}, also ${secrets.aws};`,
  `export DB_PASSWORD=${secrets.password} and look into ${secrets.home}.txt`,
].join(" ");

/** A home with transcripts of all four agents at their default places, with secrets in the prompt of each. */
function home(): string {
  const at = mkdtempSync(join(tmpdir(), "whet-home-"));
  onTestFinished(() => rmSync(at, { recursive: true, force: true }));
  const place = (path: string, make: (path: string) => void) => {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    make(join(at, path));
    utimesSync(join(at, path), yesterday, yesterday);
  };
  const told = (name: string) =>
    readFileSync(join(fixtures, name), "utf8").replaceAll("The sum is wrong: mend it.", planted);
  place(".claude/projects/-home-dev-project/s.jsonl", (path) => writeFileSync(path, told("claude.jsonl")));
  place(".codex/sessions/2026/11/21/s.jsonl", (path) => writeFileSync(path, told("codex.jsonl")));
  place(".pi/agent/sessions/--home-dev-project--/s.jsonl", (path) => writeFileSync(path, told("pi.jsonl")));
  place(".local/share/opencode/opencode.db", (path) => {
    const db = new Database(path);
    db.exec(told("opencode.sql"));
    db.close();
  });
  return at;
}

const surroundings = (at: string) => ({
  ...{ HOME: at, CLAUDE_CONFIG_DIR: join(at, ".claude"), CODEX_HOME: join(at, ".codex") },
  ...{ PI_CODING_AGENT_DIR: join(at, ".pi", "agent"), XDG_DATA_HOME: join(at, ".local", "share") },
});
const whet = (env: Record<string, string>, lab: string, ...args: string[]) =>
  startWith(env, lab, ...args).finished;

/** Every byte of a ledger's files, and what is packed in them. */
function everything(lab: string): string {
  const folder = join(lab, ".whetstone");
  const bytes = readdirSync(folder)
    .filter((name) => name.startsWith("ledger.db"))
    .map((name) => readFileSync(join(folder, name), "latin1"));
  const db = new Database(join(folder, "ledger.db"), { readonly: true });
  const rows = db.prepare("select prompt, raw from turns").all() as { prompt: Buffer; raw: Buffer }[];
  db.close();
  return [...bytes, ...rows.flatMap(({ prompt, raw }) => [inflateSync(prompt), inflateSync(raw)])].join("\n");
}

interface Report {
  turns: number;
  events: number;
  bySource: Record<string, number>;
  redacted: Record<string, number>;
  unchanged: number;
  failed: unknown[];
}

it("what all four agents left is imported without its secrets, once, and goes out as spans and in again", async () => {
  const env = surroundings(home());
  const lab = repository({ "a.txt": "a\n" });
  const dry = await whet(env, lab, "trace", "import", "--all", "--dry-run");
  expect(dry.stdout).toMatch(/^Would import \d+ turns/);

  const first = await whet(env, lab, "trace", "import", "--all", "--raw", "--json");
  expect([first.code, first.stderr]).toEqual([0, ""]);
  const report = JSON.parse(first.stdout) as Report;
  expect(report.failed).toEqual([]);
  expect(Object.keys(report.bySource).sort()).toEqual(["claude", "codex", "opencode", "pi"]);
  for (const [source, turns] of Object.entries(report.bySource)) expect(turns, source).toBeGreaterThan(0);
  // In the prompt of each of the four.
  for (const kind of ["model-key", "github-token", "aws-key"])
    expect(report.redacted[kind], kind).toBeGreaterThanOrEqual(4);

  const stored = everything(lab);
  expect(stored.split("The sum is wrong: mend it.").length - 1).toBeGreaterThanOrEqual(4);
  expect(stored).toContain("[redacted:model-key]");
  for (const [kind, secret] of Object.entries(secrets)) expect(stored.includes(secret), kind).toBe(false);

  const again = JSON.parse((await whet(env, lab, "trace", "import", "--all", "--json")).stdout) as Report;
  expect(again).toMatchObject({ turns: 0, unchanged: 4 });

  // A person can look at what came in.
  const list = await whet(env, lab, "trace", "list");
  expect(list.stdout.split("\n").filter((line) => /from (claude|codex|pi|opencode)/.test(line))).toHaveLength(
    report.turns,
  );
  const [number] = /\d+(?=.*from codex)/.exec(list.stdout) as RegExpExecArray;
  const shown = await whet(env, lab, "trace", "show", number);
  expect(shown.stdout).toMatch(/^Turn \d+ [\s\S]*The sum is wrong: mend it\./);
  expect((await whet(env, lab, "trace", "show", "9999")).stderr).toContain("no turn 9999");
  expect((await whet(env, lab, "trace", "list", "--goal", "7")).stdout).toContain("no turns yet");

  // Everything as OpenTelemetry spans, and into another project.
  const spans = await whet(env, lab, "trace", "export", "--otel");
  expect(spans.stderr).toBe("");
  const lines = spans.stdout.trim().split("\n");
  expect(lines).toHaveLength(report.turns);
  for (const secret of Object.values(secrets)) expect(spans.stdout.includes(secret)).toBe(false);
  const other = repository({ "spans.jsonl": spans.stdout });
  const back = JSON.parse(
    (await whet(env, other, "trace", "import", "spans.jsonl", "--json")).stdout,
  ) as Report;
  expect(back).toMatchObject({ turns: report.turns, bySource: { otel: report.turns }, failed: [] });
  expect((await whet(env, other, "trace", "import", "spans.jsonl")).stdout).toMatch(/^Imported 0 turns/);
  // The same calls are counted in both.
  const counted = async (where: string) => {
    const { stdout } = await whet(env, where, "forge", "analyze", "--json", "--recurrence", "2");
    const { runs, calls, wasted, tools } = JSON.parse(stdout) as Record<string, unknown>;
    return { runs, calls, wasted, tools };
  };
  expect(await counted(other)).toEqual(await counted(lab));
  expect((await counted(lab)).calls).toBeGreaterThan(5);
});

it("what cannot be imported or exported is said, with what to do", async () => {
  const lab = repository({ "notes.txt": "nothing\n" });
  const env = surroundings(lab);
  for (const [args, words] of [
    [["import", "notes.txt"], "looks like no transcript that Whetstone knows"],
    [["import", "--from", "nobody"], "--from takes claude, codex"],
    [["import", "--since", "someday"], "is no date"],
    [["export"], "--otel"],
    [["export", "--otel"], "there is no ledger"],
  ] as const) {
    const { code, stderr } = await whet(env, lab, "trace", ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  }
});

it("says where a line is that it does not understand", async () => {
  const lab = repository({ "a.txt": "a\n" });
  const lines = readFileSync(join(fixtures, "claude.jsonl"), "utf8").trim().split("\n");
  const path = join(lab, "broken.jsonl");
  writeFileSync(path, [lines[0], "{ no line", ...lines.slice(1)].map((line) => `${line}\n`).join(""));
  const { stdout } = await whet({}, lab, "trace", "import", "--from", "claude", path);
  expect(stdout).toContain(
    `1 line of ${lines.length + 1} were not understood and skipped, the first at byte ${Buffer.byteLength(`${lines[0]}\n`)} of ${path}`,
  );
});

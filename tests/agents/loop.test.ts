import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AgentName } from "../../src/contract/index.ts";
import { json, knobs, log } from "../support/knobs.ts";
import { git, repositoryAt, startWith, whet } from "../support/lab.ts";
import { query } from "../support/ledger.ts";
import { type Script, type Step, startModelServer } from "../support/modelServer/index.ts";
import { install, pinned, pinnedAdapters } from "./install.ts";

const place = mkdtempSync(join(tmpdir(), "whet-loop-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const key = "sk-real-never-on-record";
const words = (what: string): Step => ({
  text: `WHAT: ${what}\nBECAUSE: it is nearer to its best\nEXPECT: a lower loss`,
});
const change = (path: string, old: string, now: string, what: string): Step[] => [
  { text: "I read first.", tools: [{ op: "read", path }] },
  { tools: [{ op: "edit", path, old, new: now }] },
  words(what),
];
const raiseA = change("knobs.json", '  "a": 1,', '  "a": 8,', "a is 8");
const raiseB = change("knobs.json", '  "b": 1,', '  "b": 4,', "b is 4");
const cheat = change("score.mjs", "let loss = 0;", "let loss = -9;", "a friendlier judge");

/** The real command line in a session without the built-in search beside it; the model says what the script says. */
async function run(bin: string, script: Script, front: string, ...args: string[]) {
  const server = await startModelServer(script);
  const lab = repositoryAt(mkdtempSync(join(place, "lab ")), knobs(`control: 0\n${front}`));
  const env = {
    ...{ PATH: [bin, process.env.PATH].join(delimiter), HOME: place },
    ...{ ANTHROPIC_API_KEY: key, OPENAI_API_KEY: key, GEMINI_API_KEY: key },
    ...{ ANTHROPIC_BASE_URL: server.url, OPENAI_BASE_URL: server.url, GOOGLE_GEMINI_BASE_URL: server.url },
  };
  const ran = await startWith(env, lab, "run", "--no-probe", "--audit", "0", ...args).finished;
  await server.close();
  expect(ran.stderr).toBe("");
  return { lab, ran, server };
}

interface Traced {
  ending: string;
  message: string;
  events: { type: string; agent?: string; version?: string | null; tool?: string | null }[];
}
const traced = (lab: string, ...args: string[]) => json<Traced[]>(lab, "trace", ...args);
const types = (turn: Traced | undefined) => new Set(turn?.events.map(({ type }) => type));

interface Case {
  name: string;
  /** As `--researcher` names it. */
  line: string;
  /** As the ledger does. */
  by: string;
  program: Parameters<typeof install>[0];
  /** Before it edits a file: what is forbidden does not happen at all. */
  asksFirst?: boolean;
}
const cases: Case[] = [
  ...(Object.keys(pinned) as AgentName[]).map(
    (name): Case => ({ name, line: name, by: name, program: name }),
  ),
  ...(["gemini --acp -m fake-model", "opencode acp", "claude-agent-acp", "codex-acp"] as const).map(
    (command): Case => ({
      ...{ name: command, line: `acp: ${command}`, by: "acp" },
      program: command.split(" ")[0] as Case["program"],
      asksFirst: /gemini|claude/.test(command),
    }),
  ),
];

/** What is said of the cost of three answers, where it is not what they took. */
const costs: Record<string, string> = {
  // It asks once more, which of its models to take.
  gemini: "400 tokens in, 80 out",
  // It tells the tokens of its last answer only.
  "acp: opencode acp": "tokens not known, $0.0018",
};

describe.concurrent.each(cases)("`whet run` with the real $name", ({ line, by, program, asksFirst }) => {
  let bin: string;
  beforeAll(async () => {
    bin = await install(program);
  }, 600_000);

  it("keeps what is better, refuses what is forbidden, waits for its provider, and goes on", async () => {
    const busy: Step = { status: 429, message: "slow down", retryAfter: 21 };
    const script = [...raiseA, ...cheat, busy, ...raiseB];
    const experiments = asksFirst ? "2" : "3";
    const { lab, ran } = await run(bin, script, "", "--researcher", line, "--experiments", experiments);
    expect(ran.stdout).toMatch(new RegExp(`${by} can be asked again in 2\\d s: .*429`));
    const refused = expect.stringContaining("score.mjs") as string;
    expect(await log(lab)).toMatchObject([
      { status: "keep", what: "a is 8", researcher: by },
      ...(asksFirst ? [] : [{ status: "invalid", what: "a friendlier judge", reason: refused }]),
      { status: "keep", what: "b is 4", researcher: by },
    ]);
    expect(await traced(lab, "--failed")).toMatchObject([
      ...(asksFirst ? [{ ending: "unchanged", message: refused }] : []),
      { ending: "rate" },
    ]);
    // What was kept is on the session's branch, and nowhere else.
    const { branch } = await json<{ branch: string }>(lab, "status");
    expect(JSON.parse(git(lab, "show", `${branch}:knobs.json`))).toEqual({ a: 8, b: 4, c: 1 });
    expect(git(lab, "show", `${branch}:score.mjs`)).toBe(git(lab, "show", "main:score.mjs"));
    expect(git(lab, "status", "--porcelain", "--untracked-files=no")).toBe("");

    const [turn] = await traced(lab, "1");
    expect(turn?.events[0]).toMatchObject({ type: "note", text: expect.stringMatching(/^enforced: /) });
    const { [program]: spec } = { ...pinned, ...pinnedAdapters };
    expect(turn?.events.find(({ type }) => type === "begin")).toMatchObject({
      ...{ agent: expect.stringMatching(new RegExp(program, "i")), version: spec.split("@").at(-1) },
    });
    for (const type of ["call", "result", "usage", "final"]) expect(types(turn)).toContain(type);
    const cost = costs[line] ?? "300 tokens in, 60 out";
    expect((await whet(lab, "trace", "1")).stdout).toContain(cost);
    expect((await whet(lab, "show", "1")).stdout).toContain(`1 turn, ${cost}`);
    const dump = query<string>(lab, "select group_concat(hex(prompt) || hex(raw) || message) from turns");
    expect(dump).not.toContain(Buffer.from(key).toString("hex").toUpperCase());
  });

  it("cuts off a turn whose model hangs, records it, and goes on", async () => {
    const [kind, command] = line.split(": ");
    const chosen = command === undefined ? `agent: ${line}` : `${kind}: "${command}"`;
    const time = program === "opencode" ? 40 : 15;
    const { lab } = await run(
      ...([bin, [{ hang: true }, ...raiseA]] as const),
      `researcher: { ${chosen}, time: ${time}s }`,
      ...["--experiments", "1"],
    );
    expect(await log(lab)).toMatchObject([{ status: "keep", what: "a is 8" }]);
    expect(await traced(lab, "--failed")).toMatchObject([
      { ending: "timeout", message: expect.stringMatching(/time limit of \d+ s/) },
    ]);
  });
});

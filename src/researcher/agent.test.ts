import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { taskOn, workingCopy } from "../../tests/support/workingCopy.ts";
import { type Agent, type AgentChoice, openAgent, type Turn, type TurnEnding } from "../agents/index.ts";
import { parseResearcher } from "../contract/index.ts";
import { openSandbox } from "../sandbox/index.ts";
import { unknownUsage } from "../trace.ts";
import { agentResearcher, hypothesisIn } from "./agent.ts";
import type { Briefing, Task } from "./researcher.ts";

const place = mkdtempSync(join(tmpdir(), "whet-agent-researcher-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const sandbox = await openSandbox();
const briefing = {} as Briefing;
const said = "WHAT: twice as much\nBECAUSE: more helps\nEXPECT: a higher value";

/** What a real command line in the sandbox makes of a task. */
async function propose(script: string, more: Partial<Task> = {}, bounds: Partial<AgentChoice> = {}) {
  const copy = await workingCopy(
    mkdtempSync(join(place, "copy-")),
    { "value.txt": "1\n", "score.txt": "judge\n" },
    ["value.txt", "new.txt"],
  );
  const file = join(place, `${Math.random()}.sh`);
  writeFileSync(file, script);
  const choice = { ...parseResearcher(`command: sh ${file}`), ...bounds } as AgentChoice;
  const agent = await openAgent(choice, { sandbox, env: { PATH: process.env.PATH } });
  const answer = await agentResearcher(choice, agent).propose(briefing, taskOn(copy, "THE BRIEFING", more));
  return { answer, copy, turn: answer.turns?.[0] };
}

describe("an agent as a researcher", () => {
  it("proposes what it changed in the working copy, with the hypothesis that it states", async () => {
    const { answer, turn } = await propose(
      `cat > prompt.tmp; rm prompt.tmp; echo 2 > value.txt; echo '${said}'`,
    );
    expect(answer).toMatchObject({
      kind: "proposal",
      proposal: {
        hypothesis: { what: "twice as much", mechanism: "more helps", prediction: "a higher value" },
        changes: { "value.txt": "2\n" },
      },
    });
    expect(answer).not.toHaveProperty("violations");
    expect(turn).toMatchObject({
      purpose: "propose",
      ending: "done",
      prompt: expect.stringMatching(/^THE BRIEFING\n\n/),
    });
    expect(turn?.events.at(-1)).toMatchObject({ type: "message", text: said });
  });

  it("is told the briefing and how to work, and nothing that would let it state a number", async () => {
    const { turn } = await propose("cat");
    expect(turn?.raw).toContain("THE BRIEFING");
    expect(turn?.prompt).toMatch(/Never commit.*\n.*need not measure it yourself/);
    expect(
      turn?.prompt
        .trimEnd()
        .split("\n")
        .slice(-3)
        .map((line) => line.split(":")[0]),
    ).toEqual(["WHAT", "BECAUSE", "EXPECT"]);
  });

  it("says what is not enforced upon it: in its trace always, to the person once", async () => {
    const copy = await workingCopy(mkdtempSync(join(place, "copy-")), { "value.txt": "1\n" }, ["value.txt"]);
    const choice = parseResearcher("command: true") as AgentChoice;
    const bare = await openSandbox({ level: "L0" });
    const agent = await openAgent(choice, { sandbox: bare, env: { PATH: process.env.PATH } });
    const notices: string[] = [];
    const researcher = agentResearcher(choice, agent, (text) => notices.push(text));
    for (let turn = 0; turn < 2; turn++) {
      const { turns } = await researcher.propose(briefing, taskOn(copy, "THE BRIEFING"));
      expect(turns?.[0]?.events).toMatchObject([
        { type: "note", text: expect.stringMatching(/^enforced: .*no process of it is left/) },
        { type: "note", text: expect.stringMatching(/^not enforced: .*network is open/) },
      ]);
    }
    expect(notices).toEqual([
      "command: not enforced: the agent can read and write your files; the agent's network is open",
    ]);
  });

  it.each([
    ["a file that it may not touch", "echo 9 > score.txt", ["score.txt"]],
    ["a file of its own making", "echo 9 > other.txt", ["other.txt"]],
    ["a link in place of a file", "rm value.txt; ln -s score.txt value.txt", ["value.txt"]],
    ["one good and one forbidden", "echo 2 > value.txt; rm score.txt", ["score.txt"]],
  ])("hands over %s as a violation", async (_, script, paths) => {
    const { answer } = await propose(`${script}; echo '${said}'`);
    expect(answer.kind).toBe("proposal");
    expect(answer.kind === "proposal" && answer.violations?.map(({ path }) => path)).toEqual(paths);
  });

  it.each([
    ["changes nothing", "echo I looked around.", "unchanged", /changed nothing/],
    ["asks", "echo 'Which file shall I change?'", "asked", /Which file/],
    ["fails, whatever it changed", "echo 2 > value.txt; exit 4", "failed", /exit code 4/],
    ["is too slow, whatever it changed", "echo 2 > value.txt; sleep 30", "timeout", /time limit/],
  ])("that %s comes to nothing, and the turn is recorded", async (_, script, ending, reason) => {
    const { answer, turn } = await propose(script, {}, { time: 700 });
    expect(answer).toMatchObject({ kind: "failed", ending, reason: expect.stringMatching(reason) });
    expect(turn).toMatchObject({ ending, message: expect.stringMatching(reason) });
  });

  it("mends what crashed, on the files as they were proposed", async () => {
    const repair = {
      proposal: {
        hypothesis: { what: "three", mechanism: "m" },
        changes: { "value.txt": "3(\n", "new.txt": "n\n" },
      },
      ...{ kind: "crash", reason: "syntax", logTail: "oops" },
    };
    const { answer, turn } = await propose("cat value.txt new.txt >&2; echo 3 > value.txt; echo mended", {
      repair,
    });
    expect(turn).toMatchObject({ purpose: "repair", raw: expect.stringContaining("3(\nn\n") });
    expect(turn?.prompt).toMatch(/hold the change that failed/);
    expect(answer).toMatchObject({
      kind: "proposal",
      proposal: {
        hypothesis: { what: "three", mechanism: "m" },
        changes: { "value.txt": "3\n", "new.txt": "n\n" },
      },
    });
  });

  const endings: [TurnEnding, object][] = [
    ["rate", { kind: "wait", afterMs: 7000, reason: "why" }],
    ["outage", { kind: "wait", afterMs: 7000, reason: "why" }],
    ["auth", { kind: "stop", reason: "why" }],
    ["start", { kind: "stop", reason: "why" }],
    ["idle", { kind: "failed", ending: "idle", reason: "why" }],
    ["limit", { kind: "failed", ending: "limit", reason: "why" }],
    ["cancelled", { kind: "failed", ending: "cancelled", reason: "why" }],
  ];
  it.each(endings)("whose turn ended with %s is answered for accordingly", async (ending, expected) => {
    const copy = await workingCopy(mkdtempSync(join(place, "copy-")), { "value.txt": "1\n" }, ["value.txt"]);
    const turns: Turn[] = [];
    const agent: Agent = {
      name: "any",
      turn(turn) {
        turns.push(turn);
        writeFileSync(join(copy.folder, "lab", "value.txt"), "2\n");
        return Promise.resolve({
          ...{ ending, message: "why", text: "", events: [], usage: unknownUsage, raw: "", wallMs: 1 },
          ...{ retryAfterMs: 7000, enforced: [], notEnforced: [] },
        });
      },
    };
    const choice = parseResearcher("claude") as AgentChoice;
    const answer = await agentResearcher(choice, agent).propose(
      briefing,
      taskOn(copy, "", { tokens: 5, dollars: 1 }),
    );
    expect(answer).toMatchObject(expected);
    expect(answer.turns).toMatchObject([{ ending, message: "why" }]);
    expect(turns).toMatchObject([
      { cwd: "lab", time: choice.time, idle: expect.any(Number), tokens: 5, dollars: 1 },
    ]);
    expect(readFileSync(join(copy.folder, "lab", "value.txt"), "utf8")).toBe("2\n");
  });
});

describe("the hypothesis in an agent's last words", () => {
  const changes = { "a.ts": "x" };
  it.each([
    ["plain lines", said, { what: "twice as much", mechanism: "more helps", prediction: "a higher value" }],
    ["markup", "**WHAT:** a\n- **BECAUSE**: b\n> EXPECT: c", { what: "a", mechanism: "b", prediction: "c" }],
    ["the last of several", "WHAT: old\nWHAT: new", { what: "new" }],
    ["its first line", "\nI made it faster.\nAnd so on.", { what: "I made it faster." }],
    ["the files, when it says nothing", "", { what: "changes a.ts" }],
    ["its first line, when the line is empty", "Done\nWHAT:", { what: "Done" }],
  ])("is read from %s", (_, text, expected) => {
    expect(hypothesisIn(text, changes)).toEqual(expected);
  });

  it("is always there and never long, whatever was said", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2000 }), fc.string(), (text, what) => {
        const found = hypothesisIn(`${text}\nWHAT: ${what}`, changes);
        expect(found.what.length).toBeGreaterThan(0);
        for (const part of Object.values(found)) expect(part.length).toBeLessThanOrEqual(500);
      }),
    );
  });
});

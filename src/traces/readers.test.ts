import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { TraceEvent } from "../trace.ts";
import { readClaude } from "./claude.ts";
import { readCodex } from "./codex.ts";
import { readOpencode } from "./opencode.ts";
import { openOpencode } from "./opencodeDatabase.ts";
import { activeBranch, readPi } from "./pi.ts";
import type { TranscriptReader, TranscriptTurn } from "./turn.ts";
import { parseObject } from "./values.ts";

const folder = mkdtempSync(join(tmpdir(), "whet-readers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const plain = (text: string) => text;
const fixture = (name: string) => readFileSync(join(import.meta.dirname, "fixtures", name), "utf8");

/** The turns of lines of JSON, and how many lines were not understood. */
function readAll(reader: TranscriptReader, lines: readonly string[]) {
  const turns: TranscriptTurn[] = [];
  let unknown = 0;
  lines.forEach((text, i) => {
    const line = parseObject(text);
    const found = line && reader.read(line, i * 1000);
    if (found) turns.push(...found);
    else unknown++;
  });
  turns.push(...reader.end());
  return { turns, unknown };
}
const linesOf = (name: string) => fixture(name).trim().split("\n");
const piReader = (lines: readonly string[]) => {
  const branch = activeBranch();
  for (const line of lines) branch.add(line);
  return readPi(plain, branch);
};

function opencode() {
  const path = join(folder, "opencode.db");
  rmSync(path, { force: true });
  const db = new Database(path);
  db.exec(fixture("opencode.sql"));
  db.close();
  const open = openOpencode(path);
  let unknown = 0;
  const turns = open
    .sessions()
    .flatMap((session) => [...readOpencode(open, session, plain, () => unknown++)]);
  open.close();
  return { turns, unknown };
}

const of = <T extends TraceEvent["type"]>(turn: TranscriptTurn | undefined, type: T) =>
  (turn?.events ?? []).filter((event): event is Extract<TraceEvent, { type: T }> => event.type === type);

/** Four agents, each recorded while it did the same three turns with the same scripted model. */
describe.each([
  ["claude", () => readAll(readClaude(plain), linesOf("claude.jsonl"))],
  ["codex", () => readAll(readCodex(plain), linesOf("codex.jsonl"))],
  ["pi", () => readAll(piReader(linesOf("pi.jsonl")), linesOf("pi.jsonl"))],
  ["opencode", opencode],
] as const)("a transcript of %s", (agent, read) => {
  const { turns, unknown } = read();
  const [first, second, third] = turns;

  it("is understood whole: three turns, with a key each", () => {
    expect(unknown).toBe(0);
    expect(turns.map(({ prompt }) => prompt)).toEqual([
      "The sum is wrong: mend it.",
      "Show it to me.",
      "And once more.",
    ]);
    expect(new Set(turns.map(({ key }) => key)).size).toBe(3);
    expect(turns.every((turn) => turn.agent === agent && turn.over)).toBe(true);
    expect(turns.every((turn) => turn.folder === "/home/dev/project")).toBe(true);
    expect(read().turns.map(({ key }) => key)).toEqual(turns.map(({ key }) => key));
  });

  it("counts each request's tokens once", () => {
    expect(first?.usage).toMatchObject({ input: 4000, output: 160, cached: 2400 });
    expect(second?.usage).toMatchObject({ input: 2000, output: 80, cached: 1200 });
    expect(third?.usage).toMatchObject({ input: null, output: null });
  });

  it("pairs the calls, parallel ones too, with their results, of which one failed", () => {
    const calls = of(first, "call");
    const results = of(first, "result");
    expect(calls).toHaveLength(4);
    expect(results.map(({ id }) => id).sort()).toEqual(calls.map(({ id }) => id).sort());
    const failed = results.filter(({ ok }) => !ok);
    expect(failed).toHaveLength(1);
    expect(failed[0]?.output).toContain("Cannot find module");
    expect(calls.find(({ id }) => id === failed[0]?.id)?.args).toContain("node check.js");
    expect(results.every(({ ms }) => ms !== null)).toBe(true);
  });

  it("ends as it ended: done, done, and refused by the provider", () => {
    expect(turns.map(({ ending }) => ending)).toEqual(["done", "done", "auth"]);
    expect(of(first, "final")).toMatchObject([{ ok: true, text: "The sum adds now." }]);
    expect(third?.message).toContain("bad key");
    expect(of(third, "final")).toMatchObject([{ ok: false }]);
    expect(of(third, "message").filter(({ role }) => role === "assistant")).toEqual([]);
  });

  it("is in the order of time and begins with who it was", () => {
    for (const { events } of turns) {
      expect(events[0]).toMatchObject({ type: "begin", agent });
      expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).sort((a, b) => a - b));
    }
  });
});

it("whatever the lines hold, no reader stops", () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  const names = [...["claude", "codex", "pi"].flatMap((each) => linesOf(`${each}.jsonl`))];
  const line = fc.oneof(
    value.map((each) => JSON.stringify(each)),
    fc.constantFrom(...names),
    // A real line of which one part became something else.
    fc.tuple(fc.constantFrom(...names), fc.nat(), value).map(([text, n, other]) => {
      const keys = [...text.matchAll(/":("[^"\\]*"|\d+|true|false|null)/g)];
      const hit = keys[n % Math.max(1, keys.length)];
      if (!hit) return text;
      return `${text.slice(0, hit.index + 2)}${JSON.stringify(other)}${text.slice(hit.index + hit[0].length)}`;
    }),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
      for (const reader of [readClaude(plain), readCodex(plain), piReader(lines)])
        for (const turn of readAll(reader, lines).turns) expect(turn.events.at(-1)?.type).toBe("final");
    }),
    { numRuns: 300 },
  );
});

describe("claude", () => {
  const base = { sessionId: "s", cwd: "/w", version: "1" };
  const user = (uuid: string, second: number, content: unknown, more: object = {}) =>
    JSON.stringify({
      ...base,
      type: "user",
      uuid,
      timestamp: `2026-01-01T00:00:0${second}Z`,
      message: { content },
      ...more,
    });
  const said = (uuid: string, second: number, part: object, more: object = {}) =>
    JSON.stringify({
      ...{ ...base, type: "assistant", uuid, timestamp: `2026-01-01T00:00:0${second}Z` },
      message: {
        model: "m",
        content: [part],
        stop_reason: "end_turn",
        usage: { input_tokens: 5, output_tokens: 1 },
      },
      ...more,
    });

  it("keeps an agent that was called apart from the one that called it, in the same file or its own", () => {
    const { turns } = readAll(readClaude(plain), [
      user("a", 0, "go"),
      user("b", 1, "look", { isSidechain: true, parentUuid: null }),
      said("c", 2, { type: "text", text: "found" }, { isSidechain: true, parentUuid: "b", requestId: "r1" }),
      said("d", 3, { type: "text", text: "all done" }, { requestId: "r2" }),
    ]);
    expect(turns.map(({ agent, prompt, usage }) => [agent, prompt, usage.input])).toEqual([
      ["claude", "go", 5],
      ["claude/agent", "look", 5],
    ]);
  });

  it("takes the largest of the token counts that one request repeats", () => {
    const { turns } = readAll(readClaude(plain), [
      user("a", 0, "go"),
      said("b", 1, { type: "thinking", thinking: "hm" }, { requestId: "r" }),
      JSON.stringify({
        ...JSON.parse(said("c", 2, { type: "text", text: "x" }, { requestId: "r" })),
        message: {
          content: [{ type: "text", text: "x" }],
          stop_reason: "end_turn",
          usage: { input_tokens: 5, output_tokens: 77 },
        },
      }),
    ]);
    expect(turns[0]?.usage).toMatchObject({ input: 5, output: 77 });
  });

  it("shows the use of a skill, and takes its text for no prompt", () => {
    const { turns } = readAll(readClaude(plain), [
      user("a", 0, "go"),
      said("b", 1, { type: "tool_use", id: "t", name: "Skill", input: { skill: "tables" } }),
      user("c", 2, [{ type: "tool_result", tool_use_id: "t", content: "Launching" }]),
      user("d", 3, [{ type: "text", text: "Base directory for this skill: /x" }], { isMeta: true }),
      said("e", 4, { type: "text", text: "done" }),
    ]);
    expect(turns).toHaveLength(1);
    expect(of(turns[0], "call")).toMatchObject([{ tool: "Skill", args: '{"skill":"tables"}' }]);
  });

  it("says when a turn was interrupted, and that one which just stops is not over", () => {
    const { turns } = readAll(readClaude(plain), [
      user("a", 0, "go"),
      user("b", 1, [{ type: "text", text: "[Request interrupted by user]" }]),
      user("c", 2, "again"),
      said(
        "d",
        3,
        { type: "tool_use", id: "t", name: "Bash", input: {} },
        {
          message: { content: [], stop_reason: "tool_use" },
        },
      ),
    ]);
    expect(turns.map(({ ending, over }) => [ending, over])).toEqual([
      ["cancelled", true],
      ["cancelled", false],
    ]);
  });
});

describe("codex", () => {
  const line = (second: number, type: string, payload: object) =>
    JSON.stringify({ timestamp: `2026-01-01T00:00:0${second}Z`, type, payload });
  const count = (second: number, input: number, last: number) =>
    line(second, "event_msg", {
      type: "token_count",
      info: {
        total_token_usage: { input_tokens: input, output_tokens: input / 10, cached_input_tokens: 0 },
        last_token_usage: { input_tokens: last, output_tokens: last / 10, cached_input_tokens: 0 },
      },
    });

  it("takes the growth of the running sum, said twice or begun by a parent", () => {
    const { turns } = readAll(readCodex(plain), [
      line(0, "session_meta", { id: "s" }),
      line(1, "event_msg", { type: "task_started", turn_id: "t" }),
      line(1, "event_msg", { type: "user_message", message: "go" }),
      count(2, 5000, 100),
      count(3, 5000, 100),
      count(4, 5300, 300),
      line(5, "event_msg", { type: "task_complete", turn_id: "t" }),
    ]);
    expect(turns[0]?.usage).toMatchObject({ input: 400, output: 40 });
  });

  it("reads older versions, which say nothing of turns and put results into JSON", () => {
    const message = (second: number, role: string, text: string) =>
      line(second, "response_item", { type: "message", role, content: [{ type: "input_text", text }] });
    const { turns } = readAll(readCodex(plain), [
      line(0, "session_meta", { id: "s", cli_version: "0.30.0", cwd: "/w" }),
      message(0, "user", "<environment_context>\n</environment_context>"),
      message(1, "user", "go"),
      line(1, "event_msg", { type: "user_message", message: "go" }),
      line(2, "response_item", {
        type: "function_call",
        name: "shell",
        call_id: "c",
        arguments: '{"command":["ls"]}',
      }),
      line(3, "response_item", {
        ...{ type: "function_call_output", call_id: "c" },
        output: JSON.stringify({ output: "no", metadata: { exit_code: 2, duration_seconds: 0.1 } }),
      }),
      message(4, "assistant", "it failed"),
      message(8, "user", "go"),
    ]);
    expect(turns.map(({ key, prompt, ending }) => [key, prompt, ending])).toEqual([
      ["s#1", "go", "done"],
      ["s#2", "go", "cancelled"],
    ]);
    expect(of(turns[0], "result")).toMatchObject([{ ok: false, exitCode: 2, output: "no", ms: 1000 }]);
  });
});

it("pi: what lies on a branch that was left is left out", () => {
  const entry = (id: string, parentId: string | null, role: string, text: string, second: number) =>
    JSON.stringify({
      ...{ type: "message", id, parentId, timestamp: `2026-01-01T00:00:0${second}Z` },
      message: {
        role,
        content: [{ type: "text", text }],
        ...(role === "assistant" ? { stopReason: "stop" } : {}),
      },
    });
  const lines = [
    entry("a", null, "user", "first", 0),
    entry("b", "a", "assistant", "one", 1),
    entry("c", "b", "user", "a way that was left", 2),
    entry("d", "c", "assistant", "two", 3),
    entry("e", "b", "user", "the way taken", 4),
    entry("f", "e", "assistant", "three", 5),
  ];
  const { turns } = readAll(piReader(lines), lines);
  expect(turns.map(({ prompt }) => prompt)).toEqual(["first", "the way taken"]);
});

import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openLedger, tracedTurns } from "../ledger/index.ts";
import { discover, transcriptsAt } from "./discover.ts";
import { importTraces } from "./importTraces.ts";
import { otelLine } from "./otel.ts";

const place = mkdtempSync(join(tmpdir(), "whet-import-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const fixture = (name: string) => join(import.meta.dirname, "fixtures", name);
const long = new Date(Date.now() - 24 * 3600 * 1000);

/** A home with the three recorded transcripts in their default places. */
function home(): string {
  const at = mkdtempSync(join(place, "home-"));
  for (const [name, folder] of [
    ["claude", ".claude/projects/-home-dev-project"],
    ["codex", ".codex/sessions/2026/11/21"],
    ["pi", ".pi/agent/sessions/--home-dev-project--"],
  ] as const) {
    mkdirSync(join(at, folder), { recursive: true });
    copyFileSync(fixture(`${name}.jsonl`), join(at, folder, `${name}.jsonl`));
    utimesSync(join(at, folder, `${name}.jsonl`), long, long);
  }
  return at;
}

async function collected(ledger: Awaited<ReturnType<typeof openLedger>>) {
  const turns = [];
  for await (const turn of tracedTurns(ledger, null)) turns.push(turn);
  return turns;
}

describe("importTraces", () => {
  it("finds what was done in a folder, and imports nothing twice", async () => {
    const env = { HOME: home() };
    expect(discover({ folder: "/home/dev/other", env })).toEqual([]);
    expect(discover({ folder: null, since: Date.now(), env })).toEqual([]);
    const found = discover({ folder: "/home/dev", env });
    expect(found.map(({ source }) => source).sort()).toEqual(["claude", "codex", "pi"]);
    const ledger = await openLedger(join(env.HOME, "ledger.db"));
    expect(await importTraces(ledger, found, { dryRun: true })).toMatchObject({ turns: 9, known: 0 });
    expect(await importTraces(ledger, found)).toMatchObject({ turns: 9, unknown: 0, failed: [] });
    expect(await importTraces(ledger, found)).toMatchObject({ turns: 0, unchanged: 3 });
    expect(
      await importTraces(
        ledger,
        found.map((each) => ({ ...each, bytes: 0 })),
      ),
    ).toMatchObject({ turns: 0, known: 9 });
    expect((await collected(ledger)).every(({ events }) => events.length > 2)).toBe(true);
    await ledger.close();
  });

  it("leaves out what agents did in Whetstone's own working copies: it is on record, and tests must not teach", () => {
    const env = { HOME: home() };
    const path = join(env.HOME, ".pi/agent/sessions/--home-dev-project--", "pi.jsonl");
    const inside = readFileSync(path, "utf8").replace(
      '"cwd":"/home/dev/project"',
      `"cwd":"${["/home/dev/project/.whetstone/goals/7", "work", "t1"].join("/")}"`,
    );
    writeFileSync(path, inside);
    const whose = (folder: string | null) => discover({ folder, env }).map(({ source }) => source);
    expect(whose("/home/dev").sort()).toEqual(["claude", "codex"]);
    expect(whose(null).sort()).toEqual(["claude", "codex"]);
    // Whoever names the file itself wants it.
    expect(transcriptsAt(path, null, {})).toHaveLength(1);
  });

  it("of a transcript that has grown takes the new turns, one under way only once it is over", async () => {
    const at = mkdtempSync(join(place, "grown-"));
    const path = join(at, "s.jsonl");
    const ledger = await openLedger(join(at, "ledger.db"));
    const line = (uuid: string, type: string, content: unknown, more: object = {}) =>
      `${JSON.stringify({ type, uuid, sessionId: "s", timestamp: "2026-01-01T00:00:00Z", message: { content, ...more } })}\n`;
    const run = () => importTraces(ledger, transcriptsAt(path, null, {}));
    const secret = `ghp_${"a1B2".repeat(9)}`;
    writeFileSync(
      path,
      line("a", "user", `use ${secret}`) + line("b", "assistant", [], { stop_reason: "end_turn" }),
    );
    appendFileSync(path, line("c", "user", "more") + line("d", "assistant", [], { stop_reason: "tool_use" }));
    expect(await run()).toMatchObject({ turns: 1, unfinished: 1 });
    appendFileSync(path, `not JSON\n${line("e", "assistant", [], { stop_reason: "end_turn" })}`);
    expect(await run()).toMatchObject({ turns: 1, known: 1, unfinished: 0, unknown: 1 });
    const turns = await collected(ledger);
    expect(turns.map(({ prompt }) => prompt)).toEqual(["use [redacted:github-token]", "more"]);
    expect(JSON.stringify(turns)).not.toContain(secret);
    await ledger.close();
  });

  it("brings OpenTelemetry spans back as they were written", async () => {
    const at = mkdtempSync(join(place, "otel-"));
    const ledger = await openLedger(join(at, "ledger.db"));
    await importTraces(ledger, transcriptsAt(fixture("claude.jsonl"), null, {}));
    const before = await collected(ledger);
    const path = join(at, "spans.jsonl");
    for (const turn of before)
      appendFileSync(path, `${otelLine({ ...turn, id: `x${turn.id}` }, (text) => text)}\n`);
    expect(await importTraces(ledger, transcriptsAt(path, null, {}))).toMatchObject({
      turns: 3,
      bySource: { otel: 3 },
    });
    const after = (await collected(ledger)).slice(3);
    const kinds = (turns: typeof before) =>
      turns.map(({ prompt, ending, usage, agent, model, version, events }) => ({
        ...{ prompt, ending, agent, model, version },
        ...{ input: usage.input, output: usage.output, cached: usage.cached },
        events: events.flatMap((event) =>
          event.type === "call"
            ? [[event.tool, event.args]]
            : event.type === "result"
              ? [[event.ok, event.output, event.ms]]
              : event.type === "message"
                ? [[event.role, event.text]]
                : [],
        ),
      }));
    expect(kinds(after)).toEqual(kinds(before));
    await ledger.close();
  });
});

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { AgentName } from "../../contract/index.ts";
import { type TraceEvent, usageOf } from "../../trace.ts";
import { presets } from "./index.ts";
import { plain } from "./plain.ts";
import type { Preset, Setting } from "./preset.ts";
import { signOf } from "./signs.ts";

const fixtures = join(import.meta.dirname, "fixtures");
const names = Object.keys(presets) as AgentName[];

function read(preset: Preset, lines: readonly string[]) {
  const reader = preset.reader();
  const events: TraceEvent[] = [];
  const unread: string[] = [];
  lines.forEach((line, at) => {
    const found = reader.read(line, at);
    if (found) events.push(...found);
    else unread.push(line);
  });
  events.push(...reader.end(lines.length));
  return { events, unread, text: reader.text, sign: reader.sign };
}
const recorded = (name: AgentName, scenario: string) =>
  read(
    presets[name],
    readFileSync(join(fixtures, `${name}-${scenario}.jsonl`), "utf8")
      .trimEnd()
      .split("\n"),
  );
const ofType = <T extends TraceEvent["type"]>(events: readonly TraceEvent[], type: T) =>
  events.filter((event): event is Extract<TraceEvent, { type: T }> => event.type === type);

describe.each(names)("the stream of %s", (name) => {
  it("of a turn that reads, edits and runs a command is read whole", () => {
    const { events, unread, text } = recorded(name, "edit");
    expect(unread).toEqual([]);
    expect(text).toBe("WHAT: value 2\nBECAUSE: more\nEXPECT: better");
    expect(ofType(events, "message").map((message) => message.text)).toEqual(["Let me look.", text]);
    expect(ofType(events, "begin")).toMatchObject([{ agent: name, session: expect.stringMatching(/./) }]);
    expect(ofType(events, "final")).toMatchObject([{ ok: true, text, reason: null }]);

    const calls = ofType(events, "call");
    const results = ofType(events, "result");
    expect(calls).toHaveLength(3);
    expect(results.map(({ id }) => id)).toEqual(calls.map(({ id }) => id));
    expect(calls[0]?.args).toContain("value.txt");
    expect(calls[2]?.args).toContain("exit 7");
    expect(results[2]?.output).toMatch(/^(Exit code 7\n)?2\n/);
    // The other four tell; this one says "success" and no code.
    if (name === "gemini") expect(results[2]).toMatchObject({ ok: true, exitCode: null });
    else expect(results[2]).toMatchObject({ ok: false, exitCode: 7, error: "exit code 7" });
    const timed = name === "claude" || name === "gemini" || name === "opencode";
    expect(
      results.every(({ ms, msFrom }) => (timed ? ms !== null && msFrom === "agent" : msFrom === null)),
    ).toBe(true);
  });

  it("of that turn tells the tokens of all four answers, and money only where the agent says it", () => {
    const { events } = recorded(name, "edit");
    expect(usageOf(events)).toEqual({
      ...{ input: 400, output: 80, cached: 0 },
      dollars: name === "claude" ? expect.closeTo(0.0032) : null,
    });
  });

  const failures = Object.entries({ 401: "auth", 429: "rate", cut: "outage" }).filter(([scenario]) =>
    readdirSync(fixtures).includes(`${name}-${scenario}.jsonl`),
  );
  it.each(failures)("of a turn that failed for %s says so", (scenario, sign) => {
    const found = recorded(name, scenario);
    expect(ofType(found.events, "final")).toMatchObject([{ ok: false, reason: expect.stringMatching(/./) }]);
    expect(found.sign).toBe(sign);
  });

  it("that is broken off, or says what was never seen, breaks nothing", () => {
    const lines = readFileSync(join(fixtures, `${name}-edit.jsonl`), "utf8").split("\n");
    const garbage = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({
          type: fc.constantFrom(...types(lines)),
          item: fc.anything(),
          message: fc.anything(),
          part: fc.anything(),
        })
        .map((each) =>
          JSON.stringify(each, (_, value) => (typeof value === "bigint" ? String(value) : value)),
        ),
      fc
        .nat(lines.length - 1)
        .chain((at) => fc.nat((lines[at] as string).length).map((to) => (lines[at] as string).slice(0, to))),
    );
    fc.assert(
      fc.property(fc.array(garbage, { maxLength: 20 }), (made) => {
        read(presets[name], made);
        read(presets[name], [...lines.slice(0, 5), ...made, ...lines.slice(5)]);
      }),
      { numRuns: 100 },
    );
  });
});

function types(lines: readonly string[]): string[] {
  return [
    ...new Set(
      lines.filter((line) => line !== "").map((line) => (JSON.parse(line) as { type: string }).type),
    ),
  ];
}

describe("signs in the streams of single agents", () => {
  it("a budget of claude's that is used up is a limit", () => {
    expect(recorded("claude", "long")).toMatchObject({ sign: "limit" });
  });

  it.each(["claude", "gemini", "opencode", "pi"] as const)(
    "an edit of %s that does not fit is a failed call, and no failed turn",
    (name) => {
      const { events } = recorded(name, "deny");
      expect(ofType(events, "result")).toMatchObject([{ ok: false, error: expect.stringMatching(/./) }]);
      expect(ofType(events, "final")).toMatchObject([{ ok: true, text: "I could not." }]);
    },
  );

  it("codex's tools of an MCP server are calls with what came back", () => {
    const item = {
      id: "item_1",
      type: "mcp_tool_call",
      server: "lab",
      tool: "measure",
      arguments: { seed: 1 },
    };
    const { events } = read(presets.codex, [
      JSON.stringify({ type: "item.started", item: { ...item, status: "in_progress" } }),
      JSON.stringify({
        type: "item.completed",
        item: {
          ...item,
          result: { content: [{ type: "text", text: "0.7" }] },
          error: null,
          status: "completed",
        },
      }),
    ]);
    expect(events).toMatchObject([
      { type: "call", id: "item_1", tool: "lab.measure", args: '{"seed":1}' },
      { type: "result", id: "item_1", ok: true, output: "0.7", error: null },
    ]);
  });

  it("what claude's own permissions refuse is denied", () => {
    const { events } = read(presets.claude, [
      JSON.stringify({
        type: "result",
        subtype: "success",
        is_error: false,
        result: "ok",
        permission_denials: [{ tool_name: "Bash" }],
      }),
    ]);
    expect(ofType(events, "denied")).toMatchObject([{ tool: "Bash" }]);
  });

  it("pi's pieces of messages are passed over", () => {
    const { events } = read(presets.pi, [
      JSON.stringify({
        type: "message_update",
        usage: { input: 5 },
        assistantMessageEvent: { type: "text_delta", delta: "a" },
      }),
    ]);
    expect(events).toEqual([]);
  });

  it.each([
    [429, '{"error":{"code":"insufficient_quota","message":"You exceeded your current quota"}}', "auth"],
    [429, 'You exceeded your current quota, check your billing details. "retryDelay": "36s"', "rate"],
    [529, "overloaded", "outage"],
    [0, "connect ECONNREFUSED", "outage"],
    [400, "prompt is too long", null],
    [null, "You've hit your usage limit. Try again at 3pm.", "rate"],
    [null, "Invalid API key · Please run /login", "auth"],
    [null, "the tests do not pass", null],
  ] as const)("status %s with %j means %s", (status, words, sign) => {
    expect(signOf(status, words)).toBe(sign);
  });
});

describe("how an agent reaches its model", () => {
  const home = mkdtempSync(join(tmpdir(), "whet-logins-"));
  afterAll(() => rmSync(home, { recursive: true, force: true }));
  const logins: Record<AgentName, string> = {
    claude: ".claude/.credentials.json",
    codex: ".codex/auth.json",
    gemini: ".gemini/oauth_creds.json",
    opencode: ".local/share/opencode/auth.json",
    pi: ".pi/agent/auth.json",
  };
  for (const path of Object.values(logins)) {
    mkdirSync(join(home, path, ".."), { recursive: true });
    writeFileSync(join(home, path), JSON.stringify({ anthropic: {}, tokens: {} }));
  }

  it("brings opencode the ripgrep of its user, from the PATH or from its own cache", () => {
    const [bin, cached] = [join(home, "bin"), join(home, ".cache", "opencode", "bin", "rg")];
    expect(presets.opencode.brings?.({ HOME: home, PATH: bin })).toEqual({});
    for (const path of [cached, join(bin, "rg")]) {
      mkdirSync(join(path, ".."), { recursive: true });
      writeFileSync(path, "", { mode: 0o755 });
      expect(presets.opencode.brings?.({ HOME: home, PATH: bin })).toEqual({
        ".cache/opencode/bin/rg": realpathSync(path),
      });
    }
  });

  it.each(names)(
    "%s takes a key from the environment before its login, and says what to do without either",
    (name) => {
      const env = { HOME: home, ANTHROPIC_API_KEY: "a", OPENAI_API_KEY: "o", GEMINI_API_KEY: "g" };
      expect(presets[name].connect(env, undefined)).toMatchObject({
        kind: "keys",
        keys: [{ key: expect.stringMatching(/^[aog]$/) }],
      });
      const login = presets[name].connect({ HOME: home }, undefined);
      expect(login).toMatchObject({ kind: "login", file: join(home, logins[name]) });
      expect(login.kind === "login" && login.hosts.length).toBeGreaterThan(0);
      expect(presets[name].connect({ HOME: "/nowhere" }, undefined)).toMatchObject({
        kind: "none",
        message: expect.stringMatching(/set .*, or log in/),
      });
    },
  );

  it("takes the provider that the model names", () => {
    const env = { HOME: "/nowhere", ANTHROPIC_API_KEY: "a", OPENAI_API_KEY: "o" };
    expect(presets.pi.connect(env, "openai/x")).toMatchObject({ keys: [{ provider: "openai", key: "o" }] });
    expect(presets.opencode.connect(env, undefined)).toMatchObject({ keys: [{ provider: "anthropic" }] });
  });

  it.each([
    ["http://localhost:1/", "http://localhost:1/v1"],
    ["http://localhost:1/v1", "http://localhost:1/v1"],
    ["http://localhost:1/api/v1/", "http://localhost:1/api/v1/"],
  ])("finds OpenAI's API below %s at %s, and needs no key there", (address, base) => {
    expect(presets.codex.connect({ HOME: "/nowhere", OPENAI_BASE_URL: address }, undefined)).toMatchObject({
      keys: [{ key: null, base: new URL(base) }],
    });
  });

  it("finds Anthropic's API without the version, which agents add themselves", () => {
    expect(
      presets.claude.connect(
        { HOME: "/nowhere", ANTHROPIC_API_KEY: "a", ANTHROPIC_BASE_URL: "http://h:1/v1" },
        undefined,
      ),
    ).toMatchObject({ keys: [{ base: new URL("http://h:1/") }] });
  });

  const setting: Setting = {
    ...{ home: "/home/agent", model: "m", confined: true, dollars: 2, mcp: undefined },
    providers: [
      { name: "anthropic", base: "http://127.0.0.1:1", token: "TOKEN", variable: "ANTHROPIC_API_KEY" },
    ],
  };
  it.each(names)(
    "%s gets the address and the token, and its own guard only where ours is not around it",
    (name) => {
      const told = (more: Partial<Setting>) => {
        const { args, env, files } = presets[name].plan({ ...setting, ...more });
        return {
          whole: JSON.stringify([args, env, files]),
          args: args.join(" "),
          files: Object.values(files).join(),
        };
      };
      expect(told({}).whole).toContain("http://127.0.0.1:1");
      expect(told({}).whole).toContain("TOKEN");
      expect(told({}).whole).not.toBe(told({ confined: false }).whole);
      expect(told({ providers: [] }).whole).not.toContain("TOKEN");
      if (name === "pi") return;
      const mcp = { name: "lab", url: "http://127.0.0.1:1/-/mcp", token: "T2" };
      expect(told({ mcp }).whole).toContain("/-/mcp");
    },
  );

  it("any other command gets a token in place of a key that the contract names, and nothing else of the kind", () => {
    const env = { OPENAI_API_KEY: "o", ANTHROPIC_API_KEY: "a", OPENAI_BASE_URL: "http://h:1/v1" };
    const keys = (names: string[], hosts: string[] = []) => {
      const connection = plain("x", names, hosts).connect(env, undefined);
      return connection.kind === "keys" ? connection.keys.map(({ provider }) => provider) : null;
    };
    expect(keys([])).toEqual([]);
    expect(keys(["OPENAI_API_KEY"])).toEqual(["openai"]);
    expect(keys(["OPENAI_API_KEY", "ANTHROPIC_API_KEY"])).toEqual(["anthropic", "openai"]);
    expect(keys(["OPENAI_API_KEY"], ["h"])).toEqual([]);
    const { env: given } = plain("x", ["OPENAI_API_KEY"], []).plan({
      ...setting,
      providers: [{ name: "openai", base: "http://127.0.0.1:1", token: "TOKEN", variable: "OPENAI_API_KEY" }],
    });
    expect(given).toEqual({
      OPENAI_API_KEY: "TOKEN",
      OPENAI_BASE_URL: "http://127.0.0.1:1",
      OPENAI_API_BASE: "http://127.0.0.1:1",
    });
  });
});

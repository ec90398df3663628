import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseResearcher } from "../../contract/index.ts";
import { openSandbox, type Sandbox } from "../../sandbox/index.ts";
import { type TraceEvent, usageOf } from "../../trace.ts";
import type { Turn, TurnResult } from "../agent.ts";
import { type AgentChoice, openAgent } from "../openAgent.ts";
import { openRaw } from "./raw.ts";
import { openRecorder } from "./recorder.ts";

const best = await openSandbox();
const levels = best.isolation.level === "L2" ? (["L0", "L2"] as const) : (["L0"] as const);
const place = mkdtempSync(join(tmpdir(), "whet-agents-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
let count = 0;

/** A provider on loopback that answers 200, or with the status that a path names. */
const asked: { url: string; key: string; proxy: boolean }[] = [];
const provider = createServer((incoming: IncomingMessage, outgoing) => {
  asked.push({
    url: incoming.url ?? "",
    key: String(incoming.headers["x-api-key"] ?? incoming.headers.authorization),
    proxy: false,
  });
  const status = Number(/\/status\/(\d+)/.exec(incoming.url ?? "")?.[1] ?? 200);
  if (incoming.url?.includes("/hang")) return;
  outgoing.writeHead(status, status === 429 ? { "retry-after": "5" } : {}).end("answer");
});
let address = "";
beforeAll(async () => {
  await new Promise<void>((listening) => provider.listen(0, "127.0.0.1", listening));
  address = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
});
afterAll(() => {
  provider.closeAllConnections();
  provider.close();
});

describe.each(levels)("a command agent at level %s", (level) => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = level === "L0" ? await openSandbox({ level: "L0" }) : best;
  });

  interface Case {
    turn?: Partial<Turn>;
    env?: Record<string, string>;
    names?: string[];
    hosts?: string[];
  }
  const folderOf = () => {
    const folder = join(place, `copy-${++count}`);
    mkdirSync(join(folder, "lab"), { recursive: true });
    writeFileSync(join(folder, "lab", "train.txt"), "1\n");
    return folder;
  };

  /** Any command: a Node script. */
  async function play(script: string, { turn, env, names = [], hosts = [] }: Case = {}) {
    const folder = folderOf();
    const file = join(place, `agent-${count}.mjs`);
    writeFileSync(file, script);
    const agent = await openAgent(
      { ...(parseResearcher(`command: node ${file}`) as AgentChoice), env: names, hosts },
      { sandbox, env: { PATH: process.env.PATH, HOME: homedir(), ...env } },
    );
    const result = await agent.turn({ prompt: "the prompt", folder, cwd: "lab", time: 120_000, ...turn });
    return { result, folder, text: readFileSync(join(folder, "lab", "train.txt"), "utf8") };
  }

  /** Something that looks like claude on the PATH: it prints what a script makes it print. */
  async function playClaude(script: string, turn: Partial<Turn> = {}): Promise<TurnResult> {
    const folder = folderOf();
    const bin = join(place, `bin-${count}`);
    mkdirSync(bin);
    writeFileSync(
      join(bin, "claude"),
      `#!/usr/bin/env node\nconst say = (event) => console.log(JSON.stringify(event));\nconst ask = (path) => fetch(process.env.ANTHROPIC_BASE_URL + path, { headers: { "x-api-key": process.env.ANTHROPIC_API_KEY } }).catch(() => {});\nconst sleep = (ms) => new Promise((done) => setTimeout(done, ms));\n(async () => {${script}})();\n`,
    );
    chmodSync(join(bin, "claude"), 0o755);
    const agent = await openAgent(parseResearcher("claude") as AgentChoice, {
      sandbox,
      env: {
        PATH: `${bin}:${process.env.PATH}`,
        HOME: place,
        ANTHROPIC_API_KEY: "k",
        ANTHROPIC_BASE_URL: address,
      },
    });
    return agent.turn({ prompt: "p", folder, cwd: "lab", time: 120_000, ...turn });
  }
  const final = `say({ type: "result", subtype: "success", is_error: false, result: "fine", usage: { input_tokens: 5, output_tokens: 2 }, total_cost_usd: 0.5 });`;
  const call = `say({ type: "assistant", message: { id: "m", content: [{ type: "tool_use", id: "t", name: "Bash", input: {} }] } });`;

  it("gets the prompt on its standard input, begins in the lab, and edits there", async () => {
    const { result, text } = await play(`
      import { readFileSync, writeFileSync } from "node:fs";
      writeFileSync("train.txt", readFileSync(0, "utf8").trim());
      console.log("WHAT: it");`);
    expect(result).toMatchObject({ ending: "done", message: "", text: "WHAT: it", raw: "WHAT: it\n" });
    expect(result.usage).toEqual({ input: null, output: null, cached: null, dollars: null });
    expect(text).toBe("the prompt");
  });

  // How a turn ended is judged alike at every level.
  const atL0 = it.runIf(level === "L0");
  atL0.each([
    ["an exit code", "console.error('why'); process.exit(3)", {}, "failed", /exit code 3: why/],
    ["its last printed line", "console.log('why\\n'); process.exit(3)", {}, "failed", /exit code 3: why/],
    ["a crash", "throw new Error('broken')", {}, "failed", /exit code 1/],
    ["its time", "setInterval(() => {}, 1000)", { time: 400 }, "timeout", /time limit/],
    [
      "silence",
      "console.log('begun'); setInterval(() => {}, 1000)",
      { idle: 1000 },
      "idle",
      /nothing was heard/,
    ],
    [
      "a question",
      "process.stdout.write('Overwrite? [y/N] '); setInterval(() => {}, 1000)",
      { idle: 1000 },
      "asked",
      /Overwrite/,
    ],
    [
      "a question until its time",
      "process.stdout.write('Overwrite? '); setInterval(() => {}, 1000)",
      { time: 1200 },
      "asked",
      /Overwrite/,
    ],
  ] as const)("ended by %s says so", async (_, script, turn, ending, message) => {
    const { result } = await play(script, { turn });
    expect(result).toMatchObject({ ending, message: expect.stringMatching(message) });
    expect(result.wallMs).toBeLessThan(100_000);
  });

  it("is ended when nobody wants it any more", async () => {
    const { result } = await play("setInterval(() => {}, 1000)", {
      turn: { signal: AbortSignal.timeout(200) },
    });
    expect(result.ending).toBe("cancelled");
  });

  it("that is not there says what to do", async () => {
    const none = async (choice: string, PATH: string | undefined) => {
      const agent = await openAgent(parseResearcher(choice) as AgentChoice, {
        sandbox,
        env: { PATH, HOME: place },
      });
      return agent.turn({ prompt: "", folder: folderOf(), cwd: "", time: 60_000 });
    };
    expect(await none("gemini", "/nowhere")).toMatchObject({
      ending: "start",
      message: expect.stringMatching(/gemini is not on your PATH: install .*npm install/),
    });
    expect(await none("command: no-such-agent --flag", process.env.PATH)).toMatchObject({
      ending: "start",
      message: expect.stringMatching(/no-such-agent.*not found/),
    });
  });

  it("without a key or a login says what to set", async () => {
    const bin = join(place, "bare");
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "claude"), "#!/bin/sh\n", { mode: 0o755 });
    const agent = await openAgent(parseResearcher("claude") as AgentChoice, {
      sandbox,
      env: { PATH: bin, HOME: place },
    });
    expect(await agent.turn({ prompt: "", folder: folderOf(), cwd: "", time: 60_000 })).toMatchObject({
      ending: "auth",
      message: expect.stringMatching(/set ANTHROPIC_API_KEY/),
    });
  });

  it("with a login holds a copy of it, and says so; what becomes of the copy is told", async () => {
    const home = mkdtempSync(join(place, "home-"));
    const bin = join(home, "bin");
    mkdirSync(join(home, ".claude"));
    mkdirSync(bin);
    writeFileSync(
      join(home, ".claude", ".credentials.json"),
      JSON.stringify({ accessToken: "oat-0123456789-abcdefghij" }),
    );
    writeFileSync(
      join(bin, "claude"),
      `#!/bin/sh\ncat $CLAUDE_CONFIG_DIR/.credentials.json >&2; echo renewed > $CLAUDE_CONFIG_DIR/.credentials.json; echo '${JSON.stringify({ type: "result", subtype: "success", is_error: false, result: "fine" })}'\n`,
      { mode: 0o755 },
    );
    const notices: string[] = [];
    const agent = await openAgent(parseResearcher("claude") as AgentChoice, {
      ...{ sandbox, env: { PATH: bin, HOME: home }, onNotice: (text: string) => notices.push(text) },
    });
    const result = await agent.turn({ prompt: "", folder: folderOf(), cwd: "", time: 60_000 });
    expect(result).toMatchObject({ ending: "done", raw: expect.stringContaining('{"accessToken":"[key]"}') });
    expect(result.notEnforced.join()).toContain(`the agent holds your login (a copy of ${home}`);
    expect(notices).toEqual([expect.stringContaining("renewed its login")]);
    expect(readFileSync(join(home, ".claude", ".credentials.json"), "utf8")).toContain(
      "oat-0123456789-abcdefghij",
    );
  });

  it("with an input that lies elsewhere can read it through its link", async () => {
    const data = mkdtempSync(join(tmpdir(), "whet-data-"));
    writeFileSync(join(data, "numbers"), "42");
    const folder = folderOf();
    symlinkSync(data, join(folder, "lab", "data"));
    const agent = await openAgent(
      parseResearcher("command: cat data/numbers; echo x > data/numbers") as AgentChoice,
      { sandbox, env: { PATH: process.env.PATH } },
    );
    const result = await agent.turn({ prompt: "", folder, cwd: "lab", time: 60_000, linked: [data] });
    expect(result.text).toBe("42");
    if (level === "L2") expect(readFileSync(join(data, "numbers"), "utf8")).toBe("42");
    rmSync(data, { recursive: true });
  });

  it("leaves no process behind", async () => {
    const { result } = await play(`
      import { spawn } from "node:child_process";
      spawn("setsid", ["sleep", "83.25"], { detached: true, stdio: "ignore" }).unref();
      await new Promise((done) => setTimeout(done, 100));`);
    expect(result.ending).toBe("done");
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain("sleep 83.25");
  });

  it("that prints without end keeps the first and the last of it, and nothing is lost of how it ended", async () => {
    const { result } = await play(`
      const line = "x".repeat(1023) + "\\n";
      process.stdout.write("first\\n");
      for (let i = 0; i < 24 * 1024; i++) if (!process.stdout.write(line)) await new Promise((go) => process.stdout.once("drain", go));
      for (let i = 0; i < 50_000; i++) console.error(i);
      console.log("last");`);
    expect(result.ending).toBe("done");
    expect(result.raw.length).toBeLessThan(2 ** 24 + 2 ** 20);
    expect(result.raw).toMatch(/^first\n/);
    expect(result.raw).toMatch(/characters \.\.\.\]/);
    expect(result.raw).toContain("\nlast\n");
    expect(result.text.endsWith("last")).toBe(true);
    expect(result.events.length).toBeLessThan(1000);
  });

  it("gets the variables that the contract names, a token in place of a key, and nothing else of the environment", async () => {
    asked.length = 0;
    const { result } = await play(
      `const answer = await fetch(process.env.OPENAI_BASE_URL + "/models", { headers: { authorization: "Bearer " + process.env.OPENAI_API_KEY } });
      console.log(JSON.stringify({ ...process.env, answer: await answer.text() }));`,
      {
        names: ["OPENAI_API_KEY", "OWN"],
        env: { OPENAI_API_KEY: "sk-real", OPENAI_BASE_URL: address, OWN: "own", OTHER: "other" },
      },
    );
    expect(result).toMatchObject({ ending: "done" });
    const seen = JSON.parse(result.text) as Record<string, string>;
    expect(seen).toMatchObject({ OWN: "own", answer: "answer" });
    expect(result.text).not.toContain("sk-real");
    expect(seen.OTHER).toBeUndefined();
    expect(asked).toMatchObject([{ url: "/v1/models", key: "Bearer sk-real" }]);
    expect(result.enforced).toContain("the agent holds a token of this run, not your key");
    expect(result.notEnforced).toContain("the agent holds OWN of your environment");
  });

  it("gets no second key of a provider either", async () => {
    const { result } = await play("console.log(JSON.stringify(process.env))", {
      names: ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"],
      env: { ANTHROPIC_API_KEY: "first-key", ANTHROPIC_AUTH_TOKEN: "second", ANTHROPIC_BASE_URL: address },
    });
    const seen = JSON.parse(result.text) as Record<string, string>;
    expect(seen.ANTHROPIC_API_KEY).toMatch(/^whet-/);
    expect(seen.ANTHROPIC_AUTH_TOKEN).toBeUndefined();
    expect(result.notEnforced.join()).not.toMatch(/holds ANTHROPIC/);
  });

  it.runIf(level === "L2")("sees nothing of the user's, and has no network but to its model", async () => {
    const secret = join(mkdtempSync(join(place, "..", "whet-secret-")), "secret");
    writeFileSync(secret, "hidden");
    const { result, folder } = await play(
      `import { existsSync, readdirSync, writeFileSync } from "node:fs";
      const reach = async (url) => fetch(url, { signal: AbortSignal.timeout(2000) }).then(({ status }) => status, () => "no");
      const write = (path) => { try { writeFileSync(path, "x"); return "written"; } catch { return "no"; } };
      console.log(JSON.stringify({
        secret: existsSync(${JSON.stringify(secret)}),
        home: readdirSync(process.env.HOME), root: write("/x"), usr: write("/usr/x"), self: write(process.argv[1]),
        provider: await reach(${JSON.stringify(`${address}/direct`)}), outside: await reach("http://1.1.1.1/"),
        proxy: await fetch("http://127.0.0.1:61999/").then(({ status }) => status),
      }));`,
    );
    expect(JSON.parse(result.text)).toEqual({
      ...{ secret: false, home: [], root: "no", usr: "no", self: "no", provider: "no", outside: "no" },
      proxy: 404,
    });
    rmSync(join(secret, ".."), { recursive: true });
    expect(existsSync(join(folder, "lab"))).toBe(true);
    expect(result.enforced.join()).toMatch(/nothing else of yours.*its model only/);
    expect(result.notEnforced).toEqual([]);
  });

  it.runIf(level === "L2")(
    "reaches the hosts that the contract names, and no others, through the proxy",
    async () => {
      const { result } = await play(
        `import { connect } from "node:net";
      const reach = (host) => new Promise((done) => {
        const socket = connect(new URL(process.env.HTTPS_PROXY).port, "127.0.0.1", () => socket.write("CONNECT " + host + " HTTP/1.1\\r\\n\\r\\n"));
        socket.once("data", (data) => { socket.destroy(); done(String(data).split(" ")[1]); });
      });
      console.log(JSON.stringify([await reach(${JSON.stringify(new URL(address).host)}), await reach("other.test:443")]));`,
        { hosts: [new URL(address).host] },
      );
      expect(JSON.parse(result.text)).toEqual(["200", "403"]);
    },
  );

  it.runIf(level === "L2")(
    "that may reach everything still holds no key, and what it is given stands on no command line",
    async () => {
      const { result } = await play(
        `import { execFileSync } from "node:child_process";
      const status = (url, key) => fetch(url, { headers: { authorization: "Bearer " + key } }).then((answer) => answer.status);
      console.log(JSON.stringify([process.env.OPENAI_API_KEY, process.env.OWN, await status(${JSON.stringify(address)}, "x")]));
      console.log(execFileSync("sh", ["-c", "cat /proc/1/cmdline | tr '\\\\0' ' '"]).toString());`,
        { names: ["OWN"], hosts: ["*"], env: { OPENAI_API_KEY: "sk-real", OWN: "own-value" } },
      );
      const [values = "", ...commandLine] = result.text.split("\n");
      expect(JSON.parse(values)).toEqual([null, "own-value", 200]);
      expect(commandLine.join()).toContain("bwrap");
      expect(commandLine.join()).not.toContain("own-value");
      expect(result.notEnforced).toContain("the agent's network is open");
    },
  );

  it.runIf(level === "L0")("is said to be free to do what nothing here prevents", async () => {
    const { result } = await play("");
    expect(result.notEnforced).toEqual([
      "the agent can read and write your files",
      "the agent's network is open",
    ]);
  });

  it("with a good final event is done, and its version, usage and durations are known", async () => {
    const result = await playClaude(`
      say({ type: "system", subtype: "init", claude_code_version: "9.9", model: "m", session_id: "s" });
      ${call} await sleep(60);
      say({ type: "user", message: { content: [{ type: "tool_result", tool_use_id: "t", content: "out" }] } });
      ${final}`);
    expect(result).toMatchObject({
      ending: "done",
      text: "fine",
      usage: { input: 5, output: 2, dollars: 0.5 },
    });
    expect(result.events[0]).toMatchObject({ type: "begin", version: "9.9" });
    const tool = result.events.find((event) => event.type === "result");
    expect(tool).toMatchObject({ msFrom: "arrival", ms: expect.any(Number) });
    expect(tool?.type === "result" && tool.ms).toBeGreaterThan(30);
  });

  atL0.each([
    ["without a final event is not done, whatever its exit code", "say({ type: 'system' });", {}, "failed"],
    [
      "with a good final event and a bad exit code is not done",
      `${final} process.exitCode = 1;`,
      {},
      "failed",
    ],
    [
      "that says success and error at once has failed",
      `say({ type: "result", subtype: "success", is_error: true, result: "API Error", api_error_status: 401 });`,
      {},
      "auth",
    ],
    [
      "that failed after its provider refused has its provider's reason",
      `await ask("/status/429"); process.exitCode = 1;`,
      {},
      "rate",
    ],
    [
      "that retries without end is cut off",
      `for (;;) { await ask("/status/500"); await sleep(20); }`,
      {},
      "outage",
    ],
    ["whose model hangs is idle", `ask("/hang");`, { idle: 400 }, "idle"],
    ["with a silent tool is not idle", `${call} await sleep(6000); ${final}`, { idle: 3000 }, "done"],
    [
      "that asks a person is cut off",
      `say({ type: "assistant", message: { id: "m", content: [{ type: "tool_use", id: "t", name: "AskUserQuestion", input: {} }] } }); await sleep(119_000);`,
      {},
      "asked",
    ],
    [
      "that uses more tokens than are left is cut off",
      `say({ type: "assistant", message: { id: "m", content: [], usage: { input_tokens: 900 } } }); await sleep(119_000);`,
      { tokens: 500 },
      "limit",
    ],
    ["that spends more than is left is over its limit", `${final}`, { dollars: 0.1 }, "limit"],
  ] as const)("%s", async (_, script, turn, ending) => {
    const result = await playClaude(script, turn);
    expect([result.ending, result.message]).toEqual([
      ending,
      ending === "done" ? "" : expect.stringMatching(/./),
    ]);
    expect(result.wallMs).toBeLessThan(100_000);
    if (ending === "rate") expect(result.retryAfterMs).toBe(5000);
  });
});

describe("what is kept of a turn", () => {
  it("is cut in the middle, stream by stream", () => {
    const raw = openRaw(20);
    for (let i = 0; i < 1000; i++) raw.push(`line ${i}`, "stdout");
    raw.push("oops", "stderr");
    expect(raw.text()).toBe(
      "line 0\nlin\n[... 8870 characters ...]\n\nline 999\n--- standard error ---\noops\n",
    );
  });

  it("counts no amount that would give something back", () => {
    const events: TraceEvent[] = [
      { at: 1, type: "usage", scope: "step", input: 100, output: 10, cached: null, dollars: 0.5 },
      { at: 2, type: "usage", scope: "step", input: -1000, output: 5, cached: null, dollars: -9 },
      { at: 3, type: "usage", scope: "total", input: -1, output: null, cached: null, dollars: -1 },
    ];
    const recorder = openRecorder(undefined);
    for (const event of events) recorder.push(event);
    const spent = { input: 100, output: 15, cached: null, dollars: 0.5 };
    expect([recorder.usage, usageOf(events)]).toEqual([spent, spent]);
  });

  it("has bounds, but how it ended is never missing", () => {
    const recorder = openRecorder(undefined);
    for (let i = 0; i < 50_000; i++) recorder.push({ at: i, type: "message", role: "assistant", text: "" });
    recorder.push({ at: 1, type: "final", ok: true, text: "", reason: null });
    for (let i = 0; i < 50_000; i++) recorder.note("noise", 1);
    expect(recorder.events).toHaveLength(20_001);
    expect(recorder.events.at(-1)).toMatchObject({ type: "final" });
  });
});

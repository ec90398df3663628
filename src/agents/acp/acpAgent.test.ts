import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Script, Step } from "../../../tests/support/acpAgent.ts";
import { write } from "../../../tests/support/lab.ts";
import { parseResearcher } from "../../contract/index.ts";
import { openSandbox, type Sandbox } from "../../sandbox/index.ts";
import type { TraceEvent } from "../../trace.ts";
import type { Turn, TurnResult } from "../agent.ts";
import { acpAgent } from "./acpAgent.ts";
import type { AcpChoice } from "./choice.ts";

const root = join(import.meta.dirname, "..", "..", "..");
let plain: Sandbox;
let best: Sandbox;

// The tests run at once: a hook at the end of one would be given to another.
const temporary = mkdtempSync(join(tmpdir(), "acp-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));
const temporaryFolder = () => mkdtempSync(join(temporary, "x"));

beforeAll(async () => {
  [plain, best] = await Promise.all([openSandbox({ level: "L0" }), openSandbox()]);
});

/** A scripted agent in a sandbox, with a lab in `lab/` of a folder that holds another file beside it. */
async function play(
  script: Step[] | Script,
  { turn = {}, sandbox = plain, env = {} }: { turn?: Partial<Turn>; sandbox?: Sandbox; env?: object } = {},
): Promise<{
  folder: string;
  result: TurnResult;
  of: <T extends TraceEvent["type"]>(type: T) => Found<T>[];
}> {
  const folder = join(temporaryFolder(), "copy tëst");
  write(folder, { "lab/train.mjs": "one\ntwo\nthree\n", "lab/score.mjs": "judge\n", "other.txt": "other\n" });
  const support = temporaryFolder();
  writeFileSync(
    join(support, "script.json"),
    JSON.stringify(Array.isArray(script) ? { steps: script } : script),
  );
  const agent = join(root, "tests", "support", "acpAgent.ts");
  const choice = parseResearcher(`acp: node ${agent} ${join(support, "script.json")}`) as AcpChoice;
  const launcher = { sandbox, env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } };
  const handed = { ...choice, env: Object.keys(env) };
  const result = await acpAgent(handed, launcher, ["train.mjs", "new.mjs"]).turn({
    prompt: "make it better",
    folder,
    cwd: "lab",
    time: 120_000,
    // The scripted agent imports from there.
    linked: [root, realpathSync(join(root, "node_modules"))],
    ...turn,
  });
  return {
    folder,
    result,
    of: (type) => result.events.filter((event): event is Found<typeof type> => event.type === type),
  };
}

type Found<T extends TraceEvent["type"]> = Extract<TraceEvent, { type: T }>;

const text = (folder: string, path: string) => readFileSync(join(folder, path), "utf8");
const chunk = (said: string): Step => ({
  do: "update",
  update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text: said } },
});
const edit = (path: string): Step => ({
  do: "permission",
  call: { toolCallId: "e", title: "Edit", kind: "edit", locations: [{ path }] },
  write: { path: "train.mjs", text: "better\n" },
});

describe.concurrent("a turn of an agent that speaks ACP", () => {
  it("ends well when the agent edits a file by itself, with its trace in order", async () => {
    const { folder, result, of } = await play([
      chunk("I will "),
      chunk("edit."),
      {
        do: "update",
        update: {
          sessionUpdate: "tool_call",
          toolCallId: "t1",
          title: "Edit train.mjs",
          kind: "edit",
          rawInput: {},
        },
      },
      {
        do: "update",
        update: {
          sessionUpdate: "tool_call_update",
          toolCallId: "t1",
          name: "Edit",
          rawInput: { path: "train.mjs" },
        },
      },
      { do: "write", path: "train.mjs", text: "better\n" },
      {
        do: "update",
        update: {
          sessionUpdate: "tool_call_update",
          toolCallId: "t1",
          status: "completed",
          content: [{ type: "content", content: { type: "text", text: "edited" } }],
        },
      },
      chunk("Done."),
    ]);
    expect(result).toMatchObject({
      ending: "done",
      message: "",
      text: "Done.",
      notEnforced: expect.arrayContaining(["the agent can read and write your files"]),
    });
    expect(text(folder, "lab/train.mjs")).toBe("better\n");
    expect(result.events.map(({ type }) => type)).toEqual([
      "begin",
      "message",
      "call",
      "result",
      "message",
      "final",
    ]);
    expect(of("begin")[0]).toMatchObject({
      agent: "scripted",
      version: "1.2.3",
      model: "scripted-1",
      session: "s1",
    });
    expect(of("message")[0]?.text).toBe("I will edit.");
    expect(of("call")[0]).toMatchObject({ id: "t1", tool: "Edit", args: '{"path":"train.mjs"}' });
    expect(of("result")[0]).toMatchObject({ id: "t1", ok: true, output: "edited", msFrom: "arrival" });
    expect(result.raw).toContain("agent_message_chunk");
  });

  it("reads and writes files of the working copy by request, in part where asked", async () => {
    const { folder, result } = await play([
      { do: "fsRead", path: "train.mjs", line: 2, limit: 1 },
      { do: "fsWrite", path: "train.mjs", text: "short\n" },
      { do: "fsWrite", path: "new.mjs", text: "new\n" },
      { do: "fsRead", path: "../other.txt" },
    ]);
    expect(result.ending).toBe("done");
    expect(result.text).toBe("read: two\nread: other\n");
    expect(text(folder, "lab/train.mjs")).toBe("short\n");
    expect(text(folder, "lab/new.mjs")).toBe("new\n");
  });

  it("refuses requests that lead out of the working copy, by name or by link, or to files that may not change", async () => {
    const outside = temporaryFolder();
    writeFileSync(join(outside, "secret.mjs"), "secret\n");
    const { folder, result, of } = await play([
      { do: "fsRead", path: join(outside, "secret.mjs") },
      { do: "fsRead", path: "../../../../../../../etc/passwd" },
      { do: "link", path: "link.mjs", target: join(outside, "secret.mjs") },
      { do: "link", path: "folder.mjs", target: outside },
      { do: "fsRead", path: "link.mjs" },
      { do: "fsRead", path: "folder.mjs/secret.mjs" },
      { do: "fsWrite", path: "link.mjs", text: "mine\n" },
      { do: "fsWrite", path: join(outside, "made.mjs"), text: "mine\n" },
      { do: "fsWrite", path: "score.mjs", text: "mine\n" },
      { do: "fsWrite", path: "../other.txt", text: "mine\n" },
    ]);
    expect(result.ending).toBe("done");
    expect(result.text).not.toContain("read:");
    expect(of("denied")).toHaveLength(8);
    expect(readFileSync(join(outside, "secret.mjs"), "utf8")).toBe("secret\n");
    expect(existsSync(join(outside, "made.mjs"))).toBe(false);
    expect(text(folder, "lab/score.mjs")).toBe("judge\n");
    expect(text(folder, "other.txt")).toBe("other\n");
  });

  it("permits an edit of an editable file once, and nothing else", async () => {
    const call = (more: object): Step => ({
      do: "permission",
      call: { toolCallId: "x", title: "x", ...more },
    });
    const { folder, of } = await play([
      edit("train.mjs"),
      edit("score.mjs"),
      edit("/etc/passwd"),
      call({ toolCallId: "a", kind: "edit" }),
      call({ toolCallId: "b", kind: "edit", rawInput: { changes: { "train.mjs": {}, "score.mjs": {} } } }),
      call({ toolCallId: "c", kind: "execute", rawInput: { command: "node train.mjs" } }),
      call({ toolCallId: "d", kind: "switch_mode" }),
      call({ toolCallId: "f", kind: "read", locations: [{ path: "train.mjs" }] }),
      call({ toolCallId: "g", kind: "read", locations: [{ path: "/etc/passwd" }] }),
    ]);
    expect(of("message").map((event) => event.text.split(" ")[1])).toEqual([
      "once",
      "no",
      "no",
      "no",
      "no",
      "no",
      "no",
      "once",
      "no",
    ]);
    expect(of("denied").map(({ reason }) => reason)[0]).toBe(
      "score.mjs may not be changed, only train.mjs, new.mjs",
    );
    expect(of("denied")).toHaveLength(7);
    expect(text(folder, "lab/train.mjs")).toBe("better\n");
  });

  it("fails with the refusal named when the agent gives up its turn after one", async () => {
    const { result } = await play([{ ...edit("score.mjs"), onReject: "cancelled" } as Step]);
    expect(result.ending).toBe("failed");
    expect(result.message).toContain("score.mjs may not be changed");
  });

  it("lets it call the tools of the server that it was handed", async () => {
    const { of } = await play(
      [{ do: "permission", call: { toolCallId: "m", name: "mcp__lab__context", kind: "other" } }],
      { turn: { mcp: { name: "lab", url: "http://127.0.0.1:1/mcp", token: "t" } } },
    );
    expect(of("message")[0]?.text).toBe("permission: once");
  });

  it("offers no terminal", async () => {
    const { result, of } = await play([{ do: "terminal", command: "rm -rf /" }]);
    expect(result.text).toContain("refused");
    expect(of("denied")[0]).toMatchObject({ tool: "terminal: rm -rf /" });
  });

  it.each([
    ["cancels a hanging turn before its time is over", { time: 6000 }, false, "timeout"],
    ["kills a turn that is deaf to being cancelled at its time", { time: 6000 }, true, "timeout"],
    ["cancels a turn in which nothing was heard for too long", { idle: 6000 }, false, "idle"],
    ["cancels a turn on a signal", { signalAfter: 6000 }, false, "cancelled"],
  ] as const)("%s", async (_, bounds, deaf, ending) => {
    const turn = "signalAfter" in bounds ? { signal: AbortSignal.timeout(bounds.signalAfter) } : bounds;
    const { result } = await play([chunk("hm"), { do: "hang", deaf }], { turn });
    expect(result.ending).toBe(ending);
    expect(result.text).toBe("hm");
    // Far below the 120 s that it would have otherwise, also where the machine is busy.
    expect(result.wallMs).toBeLessThan(100_000);
  });

  it("cuts off an agent that asks a person", async () => {
    const [elicited, asked] = await Promise.all([
      play([{ do: "elicit", message: "Which file?" }, { do: "hang" }]),
      play([
        { do: "permission", call: { toolCallId: "q", name: "AskUserQuestion", kind: "other" } },
        { do: "hang" },
      ]),
    ]);
    expect(elicited.result).toMatchObject({ ending: "asked", message: "it asked a question: Which file?" });
    expect(asked.result.ending).toBe("asked");
  });

  it("says how a process ended that was gone in the middle of its turn, or before", async () => {
    const [crashed, stillborn, missing] = await Promise.all([
      play([chunk("oh"), { do: "exit", code: 3 }]),
      play({ stillborn: 4, steps: [] }),
      play({ protocol: 99, steps: [] }),
    ]);
    expect(crashed.result).toMatchObject({ ending: "failed", text: "oh" });
    expect(crashed.result.message).toMatch(/exit code 3 in the middle of its turn: out of luck/);
    expect(stillborn.result.ending).toBe("start");
    expect(stillborn.result.message).toMatch(/exit code 4 before its session began: no such model/);
    expect(missing.result.message).toMatch(/version 99/);
  });

  it("knows a refused key, a rate limit, an outage and a spent budget from one another", async () => {
    const results = await Promise.all([
      play({ auth: true, steps: [] }),
      play([{ do: "fail", code: 401, message: "bad key" }]),
      play([{ do: "fail", code: -32603, message: "API error: status 429, retry after 7s" }]),
      play([{ do: "fail", code: -32603, message: "overloaded_error" }]),
      play([{ do: "fail", code: -32603, message: "what is this" }]),
      play([{ do: "end", response: { stopReason: "max_turn_requests" } }]),
    ]);
    expect(results.map(({ result }) => result.ending)).toEqual([
      "auth",
      "auth",
      "rate",
      "outage",
      "failed",
      "limit",
    ]);
    expect(results[2]?.result.retryAfterMs).toBe(7000);
  });

  it("counts tokens with the cached ones, and money as the agent says it, and stops when the money is spent", async () => {
    const cost = (amount: number): Step => ({
      do: "update",
      update: { sessionUpdate: "usage_update", used: 1, size: 2, cost: { amount, currency: "USD" } },
    });
    const usage = { inputTokens: 10, outputTokens: 5, cachedReadTokens: 100, totalTokens: 115 };
    const end: Step = { do: "end", response: { stopReason: "end_turn", usage } };
    const [told, partly, quota, spent] = await Promise.all([
      play([cost(0.01), cost(0.03), end]),
      play({ name: "opencode", steps: [cost(0.02), end] }),
      play([
        {
          do: "end",
          response: {
            stopReason: "end_turn",
            _meta: { quota: { token_count: { input_tokens: 7, output_tokens: 8 } } },
          },
        },
      ]),
      play([cost(0.5), cost(2), { do: "hang" }], { turn: { dollars: 1 } }),
    ]);
    expect(told.result.usage).toEqual({ input: 110, output: 5, cached: 100, dollars: 0.03 });
    expect(partly.result.usage).toEqual({ input: null, output: null, cached: null, dollars: 0.02 });
    expect(quota.result.usage).toMatchObject({ input: 7, output: 8, dollars: null });
    expect(spent.result).toMatchObject({ ending: "limit", usage: { dollars: 2 } });
  });

  it("leaves no secret that it was told in what is kept of it", async () => {
    const secret = "a-secret-of-the-user";
    const { folder, result } = await play(
      [
        chunk(`I hold ${secret}.`),
        { do: "print", text: `debug: ${secret}` },
        { do: "fsWrite", path: "train.mjs", text: `${secret}\n` },
      ],
      { env: { LAB_SECRET: secret } },
    );
    expect(result.ending).toBe("done");
    expect(text(folder, "lab/train.mjs")).toBe(`${secret}\n`);
    expect(result.text).toBe("I hold [key].");
    expect(JSON.stringify(result)).not.toContain(secret);
  });

  it("goes on through garbage, and notes it", async () => {
    const { result, of } = await play([
      { do: "print", text: "Warning: something" },
      { do: "print", text: '{"jsonrpc":"2.0","id":77,"result":{}}' },
      { do: "print", text: "[1,2]" },
      { do: "print", text: '{"jsonrpc":"2.0","method":"session/update","params":{"update":7}}' },
      {
        do: "print",
        text: '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"agent_message_chunk"}}}',
      },
      {
        do: "print",
        text: '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"of_the_future"}}}',
      },
      { do: "print", text: '{"jsonrpc":"2.0","method":"no/such","params":{}}' },
      chunk("fine"),
    ]);
    expect(result).toMatchObject({ ending: "done", text: "fine" });
    expect(of("note").map((event) => event.text)).toHaveLength(7);
  });

  it("knows the working copy under the name that the sandbox gives it", async () => {
    const { folder, result } = await play(
      [
        { do: "fsRead", path: "train.mjs", limit: 1 },
        { do: "fsWrite", path: "train.mjs", text: "inside\n" },
      ],
      { sandbox: best },
    );
    expect(result).toMatchObject({ ending: "done", text: "read: one\n" });
    expect(text(folder, "lab/train.mjs")).toBe("inside\n");
  });
});

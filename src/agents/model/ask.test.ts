import { afterEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { type Script, type Step, startModelServer } from "../../../tests/support/modelServer/index.ts";
import { parseResearcher } from "../../contract/index.ts";
import type { TraceEvent } from "../../trace.ts";
import { ask, type ModelTool, type Question } from "./ask.ts";
import { type ModelChoice, provideModel } from "./provider.ts";

const key = "sk-very-secret-key";
/** Each real client: what the contract says, what the environment holds, where the key arrives. */
const clients = {
  anthropic: {
    model: "anthropic/claude-haiku-4-5",
    env: (url: string) => ({ ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: url }),
    header: "x-api-key",
  },
  openai: {
    model: "openai/gpt-5-mini",
    env: (url: string) => ({ OPENAI_API_KEY: key, OPENAI_BASE_URL: `${url}/v1/` }),
    header: "authorization",
  },
  google: {
    model: "google/gemini-2.5-flash",
    env: (url: string) => ({ GEMINI_API_KEY: key, GOOGLE_GEMINI_BASE_URL: url }),
    header: "x-goog-api-key",
  },
  compatible: {
    model: "local/some/model",
    env: () => ({ LOCAL_KEY: key, OPENAI_API_KEY: "another" }),
    header: "authorization",
  },
};
type Client = (typeof clients)[keyof typeof clients];

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

function choiceOf(model: string, more: Partial<ModelChoice> = {}): ModelChoice {
  return { ...(parseResearcher(`model: ${model}`) as ModelChoice), ...more };
}

async function asked(client: Client, script: Script, more: Partial<Question> = {}) {
  const server = await startModelServer(script, { main: () => true });
  servers.push(server);
  const own = client === clients.compatible ? { url: `${server.url}/v1`, key: "LOCAL_KEY" } : {};
  const provided = await provideModel(choiceOf(client.model, own), client.env(server.url));
  const turn = await ask(provided, {
    instructions: "Be brief.",
    messages: [{ role: "user", text: "Begin." }],
    maxOutput: 700,
    time: 5000,
    ...more,
  });
  return { turn, server };
}

describe.each(Object.entries(clients))("one question to %s", (name, client) => {
  it("brings text, usage, price and a trace, and hands the key to nobody but the provider", async () => {
    const live: TraceEvent[] = [];
    const { turn, server } = await asked(
      client,
      [{ text: `An answer about ${key}.`, usage: { input: 1000, output: 200, cached: 400 } }],
      { onEvent: (event) => live.push(event) },
    );
    expect(turn).toMatchObject({ ending: "done", message: "", truncated: false, retryAfterMs: null });
    expect(turn.text).toBe(`An answer about ${key}.`);
    const dollars = {
      anthropic: (600 * 1 + 400 * 0.1 + 200 * 5) / 1e6,
      openai: (600 * 0.25 + 400 * 0.025 + 200 * 2) / 1e6,
      google: (600 * 0.3 + 400 * 0.03 + 200 * 2.5) / 1e6,
      compatible: null,
    }[name];
    expect(turn.usage).toMatchObject({ input: 1000, output: 200, cached: 400 });
    if (dollars === null) expect(turn.usage.dollars).toBeNull();
    else expect(turn.usage.dollars).toBeCloseTo(dollars as number, 12);
    expect(turn.events.map(({ type }) => type)).toEqual(["begin", "message", "message", "usage", "final"]);
    expect(turn.events.at(-1)).toMatchObject({ ok: true, text: "An answer about [key]." });
    expect(live).toEqual(turn.events);
    expect(turn.raw.split("\n").length).toBeGreaterThan(3);
    expect(JSON.stringify({ ...turn, text: "" })).not.toContain(key);

    const [request] = server.requests;
    expect(request).toMatchObject({ stream: true, system: "Be brief.", maxOutput: 700, tools: [] });
    expect(request?.model).toBe(client.model.slice(client.model.indexOf("/") + 1));
    expect(request?.headers[client.header]).toContain(key);
  });

  it("carries out the calls of tools, one after the other, and asks again with what they gave", async () => {
    let at = 0;
    const adding: ModelTool = {
      ...{ name: "add", description: "adds", parameters: z.object({ a: z.number(), b: z.number() }) },
      run: async (args) => {
        const { a, b } = args as { a: number; b: number };
        expect(at++).toBe(a);
        await new Promise((resolve) => setTimeout(resolve, 30));
        expect(at).toBe(a + 1);
        if (b === 0) throw new Error(`not with ${key}`);
        return { text: `${a + b}`, ok: b !== 9, exitCode: b === 9 ? 9 : null };
      },
    };
    const { turn, server } = await asked(
      client,
      [
        {
          text: "First this.",
          tools: [
            { name: "add", args: { a: 0, b: 5 } },
            { name: "add", args: { a: 1, b: 9 } },
            { name: "add", args: { a: 2, b: 0 } },
            { name: "add", args: { a: "x" } },
          ],
        },
        { text: "It is 5.", usage: { input: 300, output: 10 } },
      ],
      { tools: [adding], steps: 5, idle: 20_000 },
    );
    expect(turn).toMatchObject({ ending: "done", text: "It is 5.", usage: { input: 400, output: 30 } });
    const results = turn.events.filter((event) => event.type === "result");
    const [five, nine, zero] = ["5", "10", "not with [key]"].map((output) =>
      results.find((each) => each.output === output),
    );
    expect([five, nine, zero]).toMatchObject([
      { ok: true, exitCode: null, error: null },
      { ok: false, exitCode: 9, error: "10" },
      { ok: false, exitCode: null, error: "not with [key]" },
    ]);
    expect(results).toHaveLength(4);
    expect(turn.events.filter((event) => event.type === "call").map(({ tool }) => tool)).toEqual(
      Array(4).fill("add"),
    );
    expect(JSON.stringify(server.requests[1]?.messages)).toContain("not with");
    expect(turn.events.filter((event) => event.type === "message").map(({ text }) => text)).toEqual([
      "Begin.",
      "First this.",
      "It is 5.",
    ]);
  });

  it("does not lose its work with tools when the provider refuses for a moment in the midst of it", async () => {
    let runs = 0;
    const tool: ModelTool = {
      ...{ name: "go", description: "goes on", parameters: z.object({}) },
      run: () => Promise.resolve({ text: `on ${++runs}`, ok: true, exitCode: null }),
    };
    const script: Script = [
      { tools: [{ name: "go", args: {} }] },
      { status: 429 },
      { status: 529, message: "Overloaded" },
      { text: "There." },
    ];
    const { turn, server } = await asked(client, script, { tools: [tool], steps: 5, backoff: 1 });
    expect(turn).toMatchObject({ ending: "done", text: "There." });
    expect([runs, server.requests.length]).toEqual([1, 4]);
    const refused: Script = [{ tools: [{ name: "go", args: {} }] }, ...Array<Step>(6).fill({ status: 429 })];
    const { turn: lost, server: busy } = await asked(client, refused, {
      tools: [tool],
      steps: 5,
      backoff: 1,
    });
    expect(lost.ending).toBe("rate");
    expect(busy.requests).toHaveLength(6);
    const { server: first } = await asked(client, [{ status: 429 }], { tools: [tool], steps: 5, backoff: 1 });
    expect(first.requests).toHaveLength(1);
  });

  it("ends after so many answers, or when enough was spent", async () => {
    const tool: ModelTool = {
      ...{ name: "go", description: "goes on", parameters: z.object({}) },
      run: () => Promise.resolve({ text: "on", ok: true, exitCode: null }),
    };
    const script: Script = () => ({ tools: [{ name: "go", args: {} }] });
    const { turn, server } = await asked(client, script, { tools: [tool], steps: 3 });
    expect(turn).toMatchObject({ ending: "limit", message: expect.stringContaining("after 3 answers") });
    expect(server.requests).toHaveLength(3);
    const { turn: spent } = await asked(client, script, {
      ...{ tools: [tool], steps: 30 },
      enough: ({ input }) => ((input ?? 0) >= 200 ? "it is enough" : null),
    });
    expect(spent).toMatchObject({ ending: "limit", usage: { input: 200 } });
    expect(spent.message).toContain("it is enough");
  });

  it.each<[string, Step, object]>([
    [
      "a refused key",
      { status: 401, message: `wrong key ${key}` },
      { ending: "auth", message: expect.stringContaining("wrong key [key]") },
    ],
    ["a limit of requests", { status: 429, retryAfter: 7 }, { ending: "rate", retryAfterMs: 7000 }],
    ["a limit of requests without a time", { status: 429 }, { ending: "rate", retryAfterMs: null }],
    [
      "used-up credit",
      { status: 429, code: "insufficient_quota", message: "pay first" },
      {
        ending: "limit",
        message: expect.stringContaining("credit or quota is used up (HTTP 429): pay first"),
      },
    ],
    ["a failing provider", { status: 500, message: "oops" }, { ending: "outage", retryAfterMs: null }],
    ["an unknown model", { status: 404, message: "no such model" }, { ending: "start" }],
    ["a refused request", { status: 400, message: "prompt is too long" }, { ending: "failed" }],
    ["a broken connection", { text: "half of an answer that never ends", cut: true }, { ending: "outage" }],
    ["an answer that ends too early", { text: "half of an answer", cut: "end" }, { ending: "outage" }],
    [
      "a provider that gives up halfway",
      { text: "half of an answer", cut: "error", status: 529, message: "Overloaded" },
      { ending: "outage", message: expect.stringContaining("Overloaded") },
    ],
    [
      "a limit that is reached halfway",
      { text: "half", cut: "error", status: 429, code: "rate_limit_exceeded", message: "too many" },
      { ending: "rate", message: expect.stringContaining("too many") },
    ],
    ["the end of its output", { text: "long", truncated: true }, { ending: "done", truncated: true }],
  ])("tells %s", async (_, step, expected) => {
    const { turn, server } = await asked(client, [step]);
    expect(turn).toMatchObject(expected);
    expect(turn.events.at(-1)).toMatchObject({ type: "final", ok: turn.ending === "done" });
    expect(JSON.stringify(turn)).not.toContain(key);
    if (turn.ending !== "done")
      expect(turn.usage).toEqual({ input: null, output: null, cached: null, dollars: null });
    expect(server.requests).toHaveLength(1);
  });

  it("is cut off when it falls silent, never begins, takes too long, or is no longer wanted", async () => {
    const stalled = await asked(client, [{ text: "half of an answer", cut: "stall" }], { idle: 150 });
    expect(stalled.turn).toMatchObject({
      ending: "idle",
      message: expect.stringContaining("nothing for 0.2 s"),
    });
    const hung = await asked(client, [{ hang: true }], { idle: 100 });
    expect(hung.turn).toMatchObject({ ending: "idle", text: "" });
    const slow = await asked(client, [{ text: "late", delayMs: 30_000 }], { time: 100 });
    expect(slow.turn).toMatchObject({ ending: "timeout" });
    expect(slow.turn.wallMs).toBeLessThan(25_000);
    const cancelled = await asked(client, [{ hang: true }], { signal: AbortSignal.timeout(50) });
    expect(cancelled.turn).toMatchObject({ ending: "cancelled" });
    expect(cancelled.turn.usage.input).toBeNull();
  });
});

describe("the provider of a model", () => {
  it("may take longer than the silence that is borne, as long as it goes on", async () => {
    const { turn } = await asked(clients.compatible, [{ text: "slow but steady", paceMs: 60 }], {
      idle: 300,
    });
    expect(turn).toMatchObject({ ending: "done", text: "slow but steady" });
    expect(turn.wallMs).toBeGreaterThan(300);
  });

  it("leaves usage unknown where nobody says it", async () => {
    const { turn } = await asked(clients.compatible, [{ text: "free", usage: null }]);
    expect(turn).toMatchObject({ ending: "done", text: "free" });
    expect(turn.usage).toEqual({ input: null, output: null, cached: null, dollars: null });
  });

  it("cannot be reached", async () => {
    const { turn, server } = await asked(clients.compatible, []);
    await server.close();
    expect(turn.ending).toBe("done");
    const choice = choiceOf("local/x", { url: `${server.url}/v1` });
    const gone = await ask(await provideModel(choice, {}), {
      instructions: "",
      messages: [{ role: "user", text: "?" }],
      maxOutput: 10,
      time: 5000,
    });
    expect(gone).toMatchObject({ ending: "outage", message: expect.stringContaining("cannot be reached") });
  });

  it("gets no key at another address but the one that was named for it", async () => {
    const server = await startModelServer([{ text: "yes" }], { main: () => true });
    servers.push(server);
    const provided = await provideModel(choiceOf("openai/x", { url: `${server.url}/v1` }), {
      OPENAI_API_KEY: key,
    });
    const question = { instructions: "", messages: [{ role: "user" as const, text: "?" }], maxOutput: 10 };
    expect((await ask(provided, { ...question, time: 5000 })).ending).toBe("done");
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it("is refused with what to do when it is unknown or its key is missing", async () => {
    await expect(provideModel(choiceOf("nobody/x"), {})).rejects.toThrow(
      'nobody/x: there is no provider "nobody" here; there are anthropic, openai, google.',
    );
    await expect(provideModel(choiceOf("anthropic/x"), { OPENAI_API_KEY: key })).rejects.toThrow(
      "ANTHROPIC_API_KEY is not set",
    );
    await expect(
      provideModel(choiceOf("openai/x", { key: "MINE" }), { OPENAI_API_KEY: key }),
    ).rejects.toThrow("MINE is not set");
  });
});

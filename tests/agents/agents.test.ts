import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AgentChoice, openAgent } from "../../src/agents/index.ts";
import { type AgentName, parseResearcher } from "../../src/contract/index.ts";
import { agentResearcher, type Briefing } from "../../src/researcher/index.ts";
import { openSandbox, type Sandbox } from "../../src/sandbox/index.ts";
import type { TraceEvent } from "../../src/trace.ts";
import { startMcpServer } from "../support/mcpServer.ts";
import { type ModelServer, type Script, startModelServer } from "../support/modelServer/index.ts";
import { taskOn, workingCopy } from "../support/workingCopy.ts";
import { install, pinned } from "./install.ts";

const words = "WHAT: 2 instead of 1\nBECAUSE: more helps\nEXPECT: a higher value";
/** What each is told to use; opencode and pi speak to any provider. */
const models: Record<AgentName, string> = {
  claude: "claude-scripted",
  codex: "gpt-5.5",
  gemini: "gemini-scripted",
  opencode: "anthropic/scripted",
  pi: "openai/scripted",
};
interface Bounds {
  sandbox?: Sandbox;
  time?: number;
  model?: string;
}
const place = mkdtempSync(join(tmpdir(), "whet-real-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const best = await openSandbox();

describe.concurrent.each(Object.keys(pinned) as AgentName[])("the real %s", (name) => {
  let bin: string;
  beforeAll(async () => {
    bin = await install(name);
  }, 600_000);

  async function started(
    script: Script,
    { sandbox = best, time = 60_000, model = models[name] }: Bounds = {},
  ) {
    const server: ModelServer = await startModelServer(script);
    const copy = await workingCopy(
      mkdtempSync(join(place, "copy-")),
      { "value.txt": "1\n", "score.txt": "judge\n" },
      ["value.txt"],
    );
    const choice = { ...(parseResearcher(name) as AgentChoice), model, time };
    const agent = await openAgent(choice, {
      sandbox,
      env: {
        PATH: [bin, process.env.PATH].join(delimiter),
        HOME: place,
        ...{ ANTHROPIC_API_KEY: "real-key", OPENAI_API_KEY: "real-key", GEMINI_API_KEY: "real-key" },
        ...{
          ANTHROPIC_BASE_URL: server.url,
          OPENAI_BASE_URL: server.url,
          GOOGLE_GEMINI_BASE_URL: server.url,
        },
      },
    });
    return { server, copy, choice, agent };
  }

  async function propose(script: Script, more: Bounds = {}) {
    const { server, copy, choice, agent } = await started(script, more);
    const answer = await agentResearcher(choice, agent).propose(
      {} as Briefing,
      taskOn(copy, "Raise the value."),
    );
    await server.close();
    const turn = answer.turns?.[0];
    const events = <T extends TraceEvent["type"]>(type: T) =>
      (turn?.events ?? []).filter((event): event is Extract<TraceEvent, { type: T }> => event.type === type);
    return { answer, turn, events, requests: server.requests };
  }
  const edit: Script = [
    { text: "I read first.", tools: [{ op: "read", path: "value.txt" }] },
    { tools: [{ op: "edit", path: "value.txt", old: "1", new: "2" }] },
    { text: words },
  ];
  const proposal = {
    kind: "proposal",
    proposal: {
      hypothesis: { what: "2 instead of 1", mechanism: "more helps", prediction: "a higher value" },
      changes: { "value.txt": "2\n" },
    },
  };

  it("edits a file, and that is its proposal", async () => {
    const { answer, turn, events, requests } = await propose(edit);
    expect(answer).toMatchObject(proposal);
    expect(answer).not.toHaveProperty("violations");
    expect(turn).toMatchObject({ ending: "done", usage: { input: 300, output: 60 } });
    expect(events("begin")).toMatchObject([{ agent: name, version: pinned[name].split("@").at(-1) }]);
    expect(events("call").length).toBeGreaterThanOrEqual(2);
    expect(events("result").every(({ ok, ms }) => ok && ms !== null)).toBe(true);
    expect(events("final")).toMatchObject([{ ok: true, text: words }]);
    // The key was put in by the relay; what the agent printed and held does not contain it.
    expect(requests.every(({ headers }) => JSON.stringify(headers).includes("real-key"))).toBe(true);
    expect(turn?.raw).not.toContain("real-key");
    expect(
      requests
        .find(({ main }) => main)
        ?.messages.map(({ text }) => text)
        .join(),
    ).toContain("Raise the value.");
  });

  it("without any isolation is still kept from its key", async () => {
    const { answer, requests } = await propose(edit, { sandbox: await openSandbox({ level: "L0" }) });
    expect(answer).toMatchObject(proposal);
    expect(requests.every(({ headers }) => JSON.stringify(headers).includes("real-key"))).toBe(true);
  });

  it.runIf(best.isolation.level === "L2")(
    "may run commands, which find nothing of the user's and no network",
    async () => {
      const { events } = await propose([
        {
          tools: [
            { op: "shell", command: `ls ${place}; env; (exec 3<>/dev/tcp/1.1.1.1/80) && echo connected` },
          ],
        },
        { text: "Nothing there." },
      ]);
      const output = events("result")[0]?.output ?? "";
      expect(output).toMatch(/No such file/);
      expect(output).not.toMatch(/real-key|^connected/m);
    },
  );

  it("that edits a forbidden file is found out", async () => {
    const { answer } = await propose([
      { tools: [{ op: "read", path: "score.txt" }] },
      { tools: [{ op: "edit", path: "score.txt", old: "judge", new: "friend" }] },
      { text: words },
    ]);
    expect(answer).toMatchObject({
      kind: "proposal",
      proposal: { changes: {} },
      violations: [{ path: "score.txt" }],
    });
  });

  it("whose provider refuses for now waits for it", async () => {
    const { answer } = await propose(() => ({ status: 429, retryAfter: 60 }));
    expect(answer).toMatchObject({ kind: "wait", afterMs: 60_000, reason: expect.stringContaining("429") });
  });

  it("whose provider refuses again and again waits as well", async () => {
    const { answer } = await propose(() => ({ status: 429 }));
    expect(answer).toMatchObject({ kind: "wait", afterMs: null });
  });

  it("whose key is refused stops the session", async () => {
    const { answer } = await propose(() => ({ status: 401 }));
    expect(answer).toMatchObject({ kind: "stop", reason: expect.stringContaining("401") });
  });

  it("whose answers break off waits for better times", async () => {
    const { answer } = await propose(() => ({ text: "Half of an ans", cut: true }));
    expect(answer).toMatchObject({ kind: "wait" });
  });

  it.each([
    ["never answers", { hang: true }],
    ["falls silent within an answer", { text: "Half of an answer", cut: "stall" }],
  ] as const)("whose model %s is cut off at its time", async (_, step) => {
    const { answer } = await propose(() => step, { time: 10_000 });
    expect(answer).toMatchObject({ kind: "failed", ending: "timeout" });
  });

  it("that only talks has changed nothing", async () => {
    const { answer } = await propose([{ text: "All is well as it is." }]);
    expect(answer).toMatchObject({ kind: "failed", ending: "unchanged" });
  });

  // pi has no tools but its own.
  it.runIf(name !== "pi")("uses the tools of an MCP server, whose token it holds", async () => {
    const mcp = await startMcpServer("mcp-token", "measured 0.7");
    const script: Script = [
      { tools: [{ op: "mcp", server: "lab", tool: "measure", args: { seed: 3 } }] },
      { text: "It is 0.7." },
    ];
    // With a model that it knows, codex has it search for such tools first.
    const { server, copy, agent } = await started(script, name === "codex" ? { model: "scripted" } : {});
    const result = await agent.turn({
      ...{ prompt: "Measure.", folder: copy.folder, cwd: copy.lab, time: 60_000 },
      mcp: { name: "lab", url: mcp.url, token: "mcp-token" },
    });
    await Promise.all([server.close(), mcp.close()]);
    expect(result).toMatchObject({ ending: "done", text: "It is 0.7." });
    expect(mcp.calls).toContain("tools/call");
    expect(result.events).toContainEqual(
      expect.objectContaining({ type: "result", ok: true, output: "measured 0.7" }),
    );
  });
});

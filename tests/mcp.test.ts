import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CallToolResult,
  Client,
  type Progress,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, it, onTestFinished } from "vitest";
import * as z from "zod";
import * as schemas from "../src/mcp/schemas.ts";
import { program, repository } from "./support/lab.ts";

const whet = join(import.meta.dirname, "..", "bin", "whet.cjs");

/** The loss is in the file; a file that says so takes long to run. */
const lab = () =>
  repository({
    "train.mjs": "const LOSS = 5;\nconst WAIT = 0;\nsetTimeout(() => console.log(`loss: ${LOSS}`), WAIT);\n",
    "other.txt": "other\n",
    "program.md": program(
      "metric: loss\ndirection: minimize\nchange: [train.mjs]\nrun: node train.mjs\nbudget: 20s",
    ),
  });

async function connected(
  transport: StdioClientTransport | StreamableHTTPClientTransport,
  mode: "legacy" | { pin: string } = "legacy",
): Promise<Client> {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  await client.connect(transport);
  onTestFinished(() => client.close());
  return client;
}

function overStdio(folder: string): Promise<Client> {
  return connected(
    new StdioClientTransport({
      command: process.execPath,
      args: [whet, "mcp", "--isolation", "L0", "--no-probe"],
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1" } as Record<string, string>,
      stderr: "ignore",
    }),
  );
}

async function serveHttp(folder: string): Promise<{ url: URL; token: string }> {
  const child = spawn(process.execPath, [whet, "mcp", "--http", "--isolation", "L0", "--no-probe"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGTERM");
      }),
  );
  let said = "";
  return new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error(said)));
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const [, url, token] = /listening on (\S+)\n[\s\S]*token: (\S+)\n/.exec(said) ?? [];
      if (url && token) resolve({ url: new URL(url), token });
    });
  });
}

function overHttp(
  { url, token }: { url: URL; token: string },
  mode?: "legacy" | { pin: string },
): Promise<Client> {
  return connected(
    new StreamableHTTPClientTransport(url, {
      requestInit: { headers: { Authorization: `Bearer ${token}` } },
    }),
    mode,
  );
}

async function call(
  client: Client,
  name: string,
  given: Record<string, unknown> = {},
  options: Parameters<Client["callTool"]>[1] = {},
): Promise<{ text: string; data: Record<string, unknown>; isError: boolean }> {
  const result = (await client.callTool({ name, arguments: given }, options)) as CallToolResult;
  const text = result.content.map((part) => (part.type === "text" ? part.text : "")).join("");
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
  return {
    text,
    data: (result.structuredContent ?? {}) as Record<string, unknown>,
    isError: result.isError === true,
  };
}

const settle = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Edits the workspace: a loss, and how long a run takes. */
function edit(workspace: string, loss: number, wait = 0): void {
  const file = join(workspace, "train.mjs");
  const text = readFileSync(file, "utf8");
  writeFileSync(
    file,
    text.replace(/LOSS = [\d.]+/, `LOSS = ${loss}`).replace(/WAIT = \d+/, `WAIT = ${wait}`),
  );
}

describe.each(["stdio", "http"] as const)("the MCP server over %s", (transport) => {
  it("leads a client from start to lesson, refuses what it must, and survives a cancelled try", async () => {
    const folder = lab();
    const client = transport === "stdio" ? await overStdio(folder) : await overHttp(await serveHttp(folder));

    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      "start",
      "try",
      "learn",
      "context",
      "failures",
      "ideas_add",
      "ideas_list",
      "diff",
      "show",
      "status",
    ]);
    expect(tools.filter(({ annotations }) => annotations?.readOnlyHint).map(({ name }) => name)).toEqual([
      "context",
      "failures",
      "ideas_list",
      "diff",
      "show",
      "status",
    ]);
    expect(tools.every(({ outputSchema }) => outputSchema !== undefined)).toBe(true);
    expect((await call(client, "status")).data).toMatchObject({ session: null, workspace: null });
    expect(await call(client, "context")).toMatchObject({ isError: true });

    const started = await call(client, "start");
    expect(started.data).toMatchObject({ mayChange: ["train.mjs"], standing: { baseline: 5, limit: null } });
    const { workspace } = (started.data as { standing: { workspace: string } }).standing;

    // Kept, with its progress.
    edit(workspace, 4);
    const heard: Progress[] = [];
    const kept = await call(
      client,
      "try",
      { what: "LOSS = 4", because: "less is better", expect: "a loss of 4" },
      { onprogress: (progress) => heard.push(progress) },
    );
    expect(kept.text).toContain("#1 KEEP");
    expect(kept.data).toMatchObject({
      kind: "decided",
      outcome: { number: 1, decision: "keep", effect: 1 },
      standing: { best: { value: 4, experiment: 1 }, keeps: 1 },
    });
    expect(heard.map(({ message }) => message).join("\n")).toMatch(/screen, run 1 of at most \d+: candidate/);
    expect(heard.map(({ progress }) => progress)).toEqual(heard.map((_, index) => index + 1));

    // The same files, nothing changed, and a file that may not change.
    edit(workspace, 5);
    expect((await call(client, "try", { what: "back", because: "why not" })).data).toMatchObject({
      kind: "known",
    });
    edit(workspace, 4);
    expect((await call(client, "try", { what: "nothing", because: "none" })).data).toMatchObject({
      kind: "unchanged",
    });
    edit(workspace, 3);
    writeFileSync(join(workspace, "other.txt"), "mine\n");
    const invalid = await call(client, "try", { what: "LOSS = 3", because: "cheating" });
    expect(invalid.data).toMatchObject({
      kind: "decided",
      outcome: { decision: "invalid", violations: [{ path: "other.txt" }] },
      standing: { best: { value: 4 } },
    });

    // One at a time; cancelled, and the next one works.
    edit(workspace, 6, 1500);
    const cancel = new AbortController();
    const slow = call(
      client,
      "try",
      { what: "slow", because: "sleep is good" },
      {
        signal: cancel.signal,
        onprogress: ({ message }) => {
          if (message?.includes("run 1")) running.resolve();
        },
      },
    );
    const running = Promise.withResolvers<void>();
    slow.catch(() => {});
    await running.promise;
    const second = await call(client, "try", { what: "me too", because: "now" });
    expect(second).toMatchObject({ isError: true });
    expect(second.text).toMatch(/busy: "slow" is at work/);
    expect((await call(client, "status")).data.measuring).toMatch(/^slow \(/);
    cancel.abort();
    await expect(slow).rejects.toThrow();
    while ((await call(client, "status")).data.measuring !== null) await settle(20);
    edit(workspace, 3);
    const after = await call(client, "try", { what: "LOSS = 3", because: "less still" });
    expect(after.data).toMatchObject({
      kind: "decided",
      outcome: { number: 4, decision: "keep" },
      finished: { number: 3, what: "slow", decision: "discard" },
      standing: { best: { value: 3 } },
    });

    // Words.
    const learned = { id: 1, hypothesis: "confirmed", lesson: "less is better" };
    expect((await call(client, "learn", learned)).data).toEqual(learned);
    expect((await call(client, "learn", { ...learned, id: 99 })).isError).toBe(true);
    expect((await call(client, "ideas_add", { text: "LOSS = 2" })).data).toEqual({ id: 1, text: "LOSS = 2" });
    expect((await call(client, "ideas_list")).data).toMatchObject({
      ideas: [{ text: "LOSS = 2", by: "agent" }],
    });
    expect((await call(client, "context")).text).toContain("less is better");
    expect((await call(client, "failures")).data).toMatchObject({ failures: [{ decision: "invalid" }] });
    expect((await call(client, "diff", { id: 1 })).text).toContain("+const LOSS = 4;");
    expect((await call(client, "show", { id: 1 })).data).toMatchObject({
      decision: "keep",
      lesson: expect.stringContaining("less"),
    });
    expect(readFileSync(join(folder, ".whetstone", "results.tsv"), "utf8")).toContain("LOSS = 3");
  });
});

it("an agent can state words and the numbers of experiments and ideas, nothing else", () => {
  const takes = Object.entries(schemas).filter(([name]) => name.endsWith("Input"));
  expect(takes.length).toBeGreaterThan(6);
  const numbers = takes.flatMap(([, schema]) =>
    Object.entries(z.toJSONSchema(schema, { io: "input" }).properties ?? {}).flatMap(([name, property]) =>
      typeof property === "object" && !["string", "boolean"].includes(property.type as string) ? [name] : [],
    ),
  );
  expect(new Set(numbers)).toEqual(new Set(["idea", "from", "id", "characters", "newest"]));
});

it("what the tools answer is described in words that mean the same in every draft of JSON Schema", () => {
  const gives = Object.entries(schemas).filter(([name]) => name.endsWith("Output"));
  expect(gives.length).toBeGreaterThan(6);
  for (const [, schema] of gives)
    expect(JSON.stringify(z.toJSONSchema(schema, { io: "output" }))).not.toMatch(/prefixItems|"items":false/);
});

it("the MCP server over stdio ends what it measures, and itself, when its client goes", async () => {
  const folder = lab();
  const client = await overStdio(folder);
  const started = await call(client, "start");
  const { workspace } = (started.data as { standing: { workspace: string } }).standing;
  edit(workspace, 4, 19_000);
  const running = Promise.withResolvers<void>();
  const going = call(
    client,
    "try",
    { what: "slow", because: "sleep" },
    { onprogress: ({ message }) => message?.includes("run 1") && running.resolve() },
  );
  going.catch(() => {});
  await running.promise;
  const { pid } = client.transport as StdioClientTransport;
  const began = performance.now();
  await client.close();
  expect(() => process.kill(pid as number, 0)).toThrow();
  // The run alone would take nineteen seconds.
  expect(performance.now() - began).toBeLessThan(15_000);
});

describe("the MCP server over HTTP", () => {
  const initialize = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
  };
  const post = (url: URL, headers: Record<string, string>, body: unknown = initialize) =>
    fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json, text/event-stream",
        ...headers,
      },
      body: JSON.stringify(body),
    });

  it("lets in who holds the token, and no foreign page, name or path", async () => {
    const { url, token } = await serveHttp(lab());
    const right = { Authorization: `Bearer ${token}` };
    const status = async (headers: Record<string, string>, at = url) => (await post(at, headers)).status;
    expect(await status(right)).toBe(200);
    expect(await status({})).toBe(401);
    expect(await status({ Authorization: "Bearer wrong" })).toBe(401);
    expect(await status({ Authorization: token })).toBe(401);
    expect(await status({ ...right, Origin: "https://example.com" })).toBe(403);
    expect(await status({ ...right, Origin: "null" })).toBe(403);
    expect(await status({ ...right, Origin: "http://localhost:3000" })).toBe(200);
    expect(await status(right, new URL("/other", url))).toBe(404);
    expect(await status({ ...right, "mcp-session-id": "none" })).toBe(404);
    expect((await post(url, right, { ...initialize, pad: "x".repeat(2 ** 21) })).status).toBe(413);
    expect(await rebound(url, token)).toBe(403);
    expect(url.hostname).toBe("127.0.0.1");
  });

  it("goes on when a client goes without a word, and serves the next", async () => {
    const server = await serveHttp(lab());
    const first = await overHttp(server);
    const started = await call(first, "start");
    const { workspace } = (started.data as { standing: { workspace: string } }).standing;
    edit(workspace, 4, 300);
    const going = call(first, "try", { what: "LOSS = 4", because: "less" });
    going.catch(() => {});
    await settle(250);
    await first.close();
    const second = await overHttp(server);
    let status = await call(second, "status");
    while (status.data.measuring !== null) {
      await settle(50);
      status = await call(second, "status");
    }
    expect(status.data).toMatchObject({ best: { value: 4, experiment: 1 } });
    edit(workspace, 3, 0);
    expect((await call(second, "try", { what: "LOSS = 3", because: "less" })).data).toMatchObject({
      outcome: { decision: "keep" },
    });
  });

  it("speaks the protocol without sessions too, in which going is cancelling", async () => {
    const client = await overHttp(await serveHttp(lab()), { pin: "2026-07-28" });
    const started = await call(client, "start");
    const { workspace } = (started.data as { standing: { workspace: string } }).standing;
    edit(workspace, 6, 1000);
    const heard: Progress[] = [];
    const cancel = new AbortController();
    const running = Promise.withResolvers<void>();
    const slow = call(
      client,
      "try",
      { what: "slow", because: "sleep" },
      {
        signal: cancel.signal,
        onprogress: (progress) => {
          heard.push(progress);
          if (progress.message?.includes("run 1")) running.resolve();
        },
      },
    );
    slow.catch(() => {});
    await running.promise;
    cancel.abort();
    await expect(slow).rejects.toThrow();
    while ((await call(client, "status")).data.measuring !== null) await settle(20);
    edit(workspace, 4);
    expect((await call(client, "try", { what: "LOSS = 4", because: "less" })).data).toMatchObject({
      finished: { what: "slow" },
      outcome: { decision: "keep" },
    });
    expect(heard.length).toBeGreaterThan(1);
  });

  it("needs a token of some length, and no HTTP options without HTTP", async () => {
    const folder = lab();
    const { whet: run } = await import("./support/lab.ts");
    expect((await run(folder, "mcp", "--http", "--token", "short")).code).toBe(2);
    const { startWith } = await import("./support/lab.ts");
    expect((await startWith({ WHET_TOKEN: "short" }, folder, "mcp", "--http").finished).code).toBe(2);
    expect((await run(folder, "mcp", "--port", "1234")).code).toBe(2);
  });
});

/** The status of a request whose Host is a foreign name that was made to lead here. */
async function rebound(url: URL, token: string): Promise<number> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: "POST", headers: { Host: "evil.example:80", Authorization: `Bearer ${token}` } },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      },
    );
    sent.once("error", reject);
    sent.end("{}");
  });
}

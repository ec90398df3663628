import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startMcpServer } from "../../../tests/support/mcpServer.ts";
import { openSandbox, type Sandbox } from "../../sandbox/index.ts";
import { fetchTool } from "./fetch.ts";
import { allowedTools, builtInTools, makeTools } from "./index.ts";
import { connectMcp } from "./mcp.ts";
import { capped, goesFromOpenFolders } from "./place.ts";
import { searchTool } from "./search.ts";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await openSandbox();
});
const never = new AbortController().signal;

function home(files: Record<string, string>): { folder: string; outside: string } {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "whet tools-")));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const [folder, outside] = [join(base, "in"), join(base, "out")];
  for (const each of [folder, outside]) mkdirSync(each);
  writeFileSync(join(outside, "secret.txt"), "secret\n");
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return { folder, outside };
}

function user(folder: string) {
  const tools = new Map(
    makeTools(builtInTools, { folder, inputs: [] }, sandbox).map((tool) => [tool.name, tool]),
  );
  return async (name: string, args: object) => {
    const tool = tools.get(name);
    if (!tool || "jsonSchema" in tool.parameters) throw new Error(name);
    return tool.run(tool.parameters.parse(args), never);
  };
}

describe("the tools of the built-in agent", () => {
  it("read, write, edit, list and search the files of the folder", async () => {
    const { folder } = home({
      "a.txt": "one\ntwo\nthree\n",
      "src/b.ts": "const two = 2;\n",
      "node_modules/x.js": "two",
    });
    const use = user(folder);
    expect((await use("read", { path: "a.txt", from: 2, lines: 1 })).text).toBe("two\n[2 more lines]");
    await use("write", { path: "new/deep/c.txt", content: "$& two" });
    await use("edit", { path: "a.txt", old_string: "two", new_string: "$& 2" });
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("one\n$& 2\nthree\n");
    expect((await use("list", {})).text).toBe("a.txt\nnew/deep/c.txt\nsrc/b.ts");
    expect((await use("list", { path: "src", glob: "**/*.js" })).text).toBe("no files");
    expect((await use("search", { pattern: "tw[o]" })).text).toBe(
      "new/deep/c.txt:1: $& two\nsrc/b.ts:1: const two = 2;",
    );
    await expect(use("edit", { path: "a.txt", old_string: "e", new_string: "" })).rejects.toThrow("3 times");
    await expect(use("edit", { path: "a.txt", old_string: "zz", new_string: "" })).rejects.toThrow(
      "is not in",
    );
    await expect(use("read", { path: "none" })).rejects.toThrow("there is no file none");
    await expect(use("search", { pattern: "(" })).rejects.toThrow();
  });

  it("end a search that would take for ever", async () => {
    const { folder } = home({ "a.txt": `${"a".repeat(50)}!\n` });
    const search = searchTool({ folder, inputs: [] }, 300);
    await expect(search.run({ pattern: "(a+)+$" }, never)).rejects.toThrow(
      "longer than 0.3 s: write a simpler",
    );
  });

  it("run commands and JavaScript in the sandbox, without a network", async () => {
    const { folder } = home({ "a.txt": "one\n" });
    const use = user(folder);
    expect(await use("run", { command: "cat a.txt; echo new > b.txt; exit 3" })).toMatchObject({
      ok: false,
      exitCode: 3,
    });
    expect(readFileSync(join(folder, "b.txt"), "utf8")).toBe("new\n");
    expect((await use("run", { command: "sleep 20", seconds: 1 })).ok).toBe(false);
    const code =
      'import { readFileSync } from "node:fs"; console.log(readFileSync("a.txt", "utf8").trim() + process.version)';
    expect((await use("javascript", { code })).text).toMatch(/^onev\d/);
    expect((await use("run", { command: "head -c 100000 /dev/zero | tr '\\0' x" })).text.length).toBeLessThan(
      31_000,
    );
  });

  it("stay in the folder, whatever path or link leads out", async () => {
    const { folder, outside } = home({ "a.txt": "one\n" });
    symlinkSync(outside, join(folder, "away"));
    symlinkSync(join(outside, "none-yet"), join(folder, "dangling"));
    symlinkSync("a.txt", join(folder, "inner"));
    const use = user(folder);
    for (const path of [
      "../out/secret.txt",
      `${outside}/secret.txt`,
      "away/secret.txt",
      "a/../../out/secret.txt",
      "away/../../out/secret.txt",
      "\\..\\..\\out\\secret.txt",
    ])
      await expect(use("read", { path })).rejects.toThrow(/outside|out of|no file/);
    for (const path of ["away/x", "dangling", "../x"]) {
      await expect(use("write", { path, content: "x" })).rejects.toThrow(/outside|out of/);
    }
    await expect(use("list", { path: "away" })).rejects.toThrow("out of");
    expect((await use("search", { pattern: "secret" })).text).toBe("nothing found");
    expect((await use("read", { path: "inner" })).text).toBe("one\n");
    expect((await use("read", { path: join(folder, "a.txt") })).text).toBe("one\n");
  });

  it("never reach a place outside of the folder", async () => {
    const { folder, outside } = home({ "a/b.txt": "", "a/in/secret.txt": "mine" });
    symlinkSync(outside, join(folder, "a", "l"));
    symlinkSync("../..", join(folder, "a", "up"));
    symlinkSync("up", join(folder, "a", "in", "up"));
    symlinkSync("..", join(folder, "a", "in", "a"));
    const use = user(folder);
    const part = fc.constantFrom("..", ".", "a", "l", "b.txt", "", "secret.txt", "out", "in", "up");
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), fc.boolean(), async (parts, absolute) => {
        const path = (absolute ? "/" : "") + parts.join("/");
        const read = await use("read", { path }).catch(() => null);
        expect(read?.text ?? "mine").toMatch(/^(mine)?$/);
        await use("write", { path: `${path}/new.txt`, content: "x" }).catch(() => null);
        expect(readdirSync(outside)).toEqual(["secret.txt"]);
        expect(readdirSync(join(folder, "..")).sort()).toEqual(["in", "out"]);
      }),
    );
  });

  it.skipIf(!goesFromOpenFolders)(
    "are not led out by a command that swaps folders for links while they work",
    async () => {
      const { folder, outside } = home({ "d/mine.txt": "mine\n" });
      writeFileSync(join(outside, "mine.txt"), "TOPSECRET\n");
      const use = user(folder);
      // Outside of any sandbox and at full speed: whoever is confined is slower.
      const swapping = new Worker(
        `import fs from "node:fs";
        import { workerData } from "node:worker_threads";
        const { folder, outside } = workerData;
        const at = (name) => folder + "/" + name;
        const tried = (does) => { try { does(); } catch {} };
        for (;;) {
          tried(() => fs.symlinkSync(outside, at("link")));
          tried(() => fs.renameSync(at("d"), at("real")));
          tried(() => fs.renameSync(at("link"), at("d")));
          tried(() => fs.renameSync(at("d"), at("link")));
          // The tools make the folder where it is missing.
          tried(() => fs.lstatSync(at("real")) && fs.rmSync(at("d"), { recursive: true }));
          tried(() => fs.renameSync(at("real"), at("d")));
        }`,
        { eval: true, workerData: { folder, outside } },
      );
      try {
        const texts = new Set<string>();
        let wrote = 0;
        const until = Date.now() + 1500;
        const hammer = async () => {
          while (Date.now() < until) {
            await use("read", { path: "d/mine.txt" }).then(
              ({ text }) => texts.add(text),
              () => undefined,
            );
            const done = await use("write", { path: "d/new/x.txt", content: "x" }).catch(() => null);
            if (done) wrote++;
            const lists = await use("list", { path: "d" }).catch(() => null);
            const found = await use("search", { pattern: "SECRET", path: "d" }).catch(() => null);
            expect(`${lists?.text}${found?.text}`).not.toContain("ecret");
            await use("edit", { path: "d/mine.txt", old_string: "TOP", new_string: "X" }).catch(() => null);
          }
        };
        await Promise.all([hammer(), hammer(), hammer(), hammer()]);
        expect([...texts]).toEqual(["mine\n"]);
        expect(wrote).toBeGreaterThan(0);
        expect(readdirSync(outside).sort()).toEqual(["mine.txt", "secret.txt"]);
        expect(readFileSync(join(outside, "mine.txt"), "utf8")).toBe("TOPSECRET\n");
      } finally {
        await swapping.terminate();
      }
    },
    20_000,
  );

  it("are all but fetch, unless they are named; other tools' names are known", () => {
    expect(allowedTools([])).not.toContain("fetch");
    expect(allowedTools(["Read", "Bash", "WebFetch", "NotebookEdit"])).toEqual(["read", "run", "fetch"]);
  });

  it("cut the middle out of what is long", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 500 }), fc.integer({ min: 2, max: 300 }), (text, limit) => {
        const short = capped(text, limit);
        expect(short.length).toBeLessThanOrEqual(limit + 60);
        if (text.length <= limit) expect(short).toBe(text);
      }),
    );
  });
});

describe("fetch", () => {
  async function site(answers: Record<string, [number, string]>): Promise<string> {
    const server = createServer((request, response) => {
      const [status, body] = answers[request.url ?? ""] ?? [404, "none"];
      response.writeHead(status, status === 302 ? { location: body } : {}).end(body);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it("gets a page, through redirects that lead to allowed addresses only", async () => {
    const url = await site({
      "/a": [302, "/b"],
      "/b": [200, "text"],
      "/c": [302, "http://127.0.0.2/x"],
      "/d": [302, "file:///etc/passwd"],
      "/e": [302, "/e"],
    });
    const get = (path: string) =>
      fetchTool((address) => address === "127.0.0.1").run({ url: `${url}${path}` }, never);
    expect(await get("/a")).toEqual({ text: "HTTP 200\ntext", ok: true, exitCode: null });
    expect((await get("/z")).ok).toBe(false);
    await expect(get("/c")).rejects.toThrow("no public address");
    await expect(get("/d")).rejects.toThrow("file:");
    await expect(get("/e")).rejects.toThrow("without an end");
  });

  it("refuses private addresses, by number and by name", async () => {
    const url = await site({ "/": [200, "private"] });
    await expect(fetchTool().run({ url }, never)).rejects.toThrow("no public address");
    await expect(fetchTool().run({ url: url.replace("127.0.0.1", "localhost") }, never)).rejects.toThrow(
      "no public address",
    );
    await expect(fetchTool().run({ url: "http://2130706433/" }, never)).rejects.toThrow("no public address");
  });
});

const around = (folder: string) => ({ sandbox, folder, inputs: [], time: 20_000 });

/** The least of an MCP server over stdio, with one tool that runs what it is told to. */
const stdioServer = `
import { execSync } from "node:child_process";
import { createInterface } from "node:readline";
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const answer = () => {
    if (method === "initialize")
      return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "x", version: "1" } };
    if (method === "tools/list") return { tools: [{ name: "do", inputSchema: { type: "object" } }] };
    if (method === "tools/call")
      return { content: [{ type: "text", text: execSync(params.arguments.command + " 2>&1 || true").toString() }] };
  };
  const result = answer();
  console.log(JSON.stringify(result ? { jsonrpc: "2.0", id, result } : { jsonrpc: "2.0", id, error: { code: -32601, message: "no" } }));
});`;

it("an MCP server that is a command runs in the sandbox, in the working folder", async (context) => {
  if (sandbox.isolation.level !== "L2") return context.skip();
  const { folder, outside } = home({ "server.mjs": stdioServer });
  const connected = await connectMcp({ name: "own", command: "node server.mjs" }, around(folder));
  const [tool] = connected.tools;
  const use = async (command: string) => (await tool?.run({ command }, never))?.text;
  expect(tool?.name).toBe("own_do");
  await use("echo new > made.txt");
  expect(readFileSync(join(folder, "made.txt"), "utf8")).toBe("new\n");
  expect(await use(`cat ${outside}/secret.txt`)).toContain("No such file");
  expect(await use(`echo x > ${outside}/y`)).not.toBe("");
  expect(readdirSync(outside)).toEqual(["secret.txt"]);
  expect(await use("tail -n +2 /proc/net/route")).toBe("no answer");
  await connected.close();
  await expect(connectMcp({ name: "own", command: "node none.mjs" }, around(folder))).rejects.toThrow(
    /own cannot be reached: it ended with exit code 1/,
  );
});

it("the tools of an MCP server are called through it", async () => {
  const server = await startMcpServer("a-token", "42 ms");
  onTestFinished(() => server.close());
  const connected = await connectMcp({ name: "lab", url: server.url, token: "a-token" }, around("/"));
  expect(connected.tools.map(({ name }) => name)).toEqual(["lab_measure"]);
  expect(await connected.tools[0]?.run({ seed: 1 }, never)).toEqual({
    text: "42 ms",
    ok: true,
    exitCode: null,
  });
  await connected.close();
  await expect(connectMcp({ name: "lab", url: server.url, token: "wrong" }, around("/"))).rejects.toThrow(
    "lab cannot be reached",
  );
});

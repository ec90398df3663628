import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { readLab } from "../src/lab/lab.ts";
import { openTrying } from "../src/loop/index.ts";
import { type Desk, makeServer, openDesk, openHttp } from "../src/mcp/index.ts";

/**
 * What a try over MCP takes beyond its runs, with the session kept open between tries: a deterministic lab whose run is
 * nearly nothing. `loop` is the same call without MCP; `mcp` is what remains of a call when the loop's own work is taken
 * from it (seen where server and client are in one process); `answer` is a call that measures nothing.
 */

const tries = 60;
const root = join(import.meta.dirname, "..");
const rows: Record<string, string | number>[] = [];

interface Tried {
  outcome: { wallMs: number };
}

async function measure(
  way: string,
  file: string,
  once: (what: string) => Promise<Tried>,
  answer: (() => Promise<unknown>) | null,
  inside: () => number | null = () => null,
): Promise<void> {
  const beyond: number[] = [];
  const protocol: number[] = [];
  const answers: number[] = [];
  for (let count = 0; count < tries; count++) {
    writeFileSync(file, `${way} ${count}\n${"x".repeat(100 + count)}`);
    const began = performance.now();
    const { outcome } = await once(`try ${count}`);
    const took = performance.now() - began;
    beyond.push(took - outcome.wallMs);
    const own = inside();
    if (own !== null) protocol.push(took - own);
    if (!answer) continue;
    const asked = performance.now();
    await answer();
    answers.push(performance.now() - asked);
  }
  rows.push({
    way,
    tries,
    "try p50 ms": at(beyond, 0.5),
    "try p95 ms": at(beyond, 0.95),
    ...(protocol.length > 0 ? { "mcp p50 ms": at(protocol, 0.5), "mcp p95 ms": at(protocol, 0.95) } : {}),
    ...(answer ? { "answer p50 ms": at(answers, 0.5), "answer p95 ms": at(answers, 0.95) } : {}),
  });
}

function at(times: number[], share: number): number {
  const sorted = times.slice(2).sort((a, b) => a - b);
  return Number((sorted[Math.floor(share * sorted.length)] as number).toFixed(1));
}

async function inLab(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "whet-bench-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=B", "-c", "user.email=b@localhost", ...args], { cwd: folder });
  writeFileSync(join(folder, "page.txt"), "short");
  writeFileSync(
    join(folder, "program.md"),
    "---\nmetric: { name: bytes, clock: size page.txt }\nchange: [page.txt]\nrun: 'true'\nbudget: 5s\n---\n",
  );
  git("init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function over(
  way: string,
  transport: StdioClientTransport | StreamableHTTPClientTransport,
  inside?: () => number | null,
): Promise<void> {
  const client = new Client({ name: "bench", version: "1" });
  await client.connect(transport);
  const call = async (name: string, given: Record<string, unknown>) =>
    (await client.callTool({ name, arguments: given })).structuredContent as never;
  const { standing } = (await call("start", {})) as { standing: { workspace: string } };
  await measure(
    way,
    join(standing.workspace, "page.txt"),
    (what) => call("try", { what, because: "to see how long it takes" }),
    () => call("ideas_list", {}),
    inside,
  );
  await client.close();
}

await inLab(async (folder) => {
  const trying = await openTrying(await readLab(folder), { probe: false, level: "L0" });
  const { workspace } = await trying.standing();
  await measure(
    "loop",
    join(workspace, "page.txt"),
    async (what) => (await trying.try({ what, mechanism: "to see how long it takes" })) as never,
    null,
  );
  await trying.close();
});
await inLab(async (folder) => {
  await over(
    "stdio",
    new StdioClientTransport({
      command: process.execPath,
      args: [join(root, "bin", "whet.cjs"), "mcp", "--isolation", "L0", "--no-probe"],
      cwd: folder,
      env: process.env as Record<string, string>,
      stderr: "ignore",
    }),
  );
});
await inLab(async (folder) => {
  const opened = openDesk(folder, { probe: false, level: "L0" });
  let inside = 0;
  const desk: Desk = {
    ...opened,
    work: async (call, action) => {
      const began = performance.now();
      try {
        return await opened.work(call, action);
      } finally {
        inside = performance.now() - began;
      }
    },
  };
  const door = await openHttp(() => makeServer({ desk, version: "0", log: () => {} }));
  await over(
    "http",
    new StreamableHTTPClientTransport(new URL(door.url), {
      requestInit: { headers: { Authorization: `Bearer ${door.token}` } },
    }),
    () => inside,
  );
  await door.close();
  await desk.close();
});
console.table(rows);

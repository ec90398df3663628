import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openLedger } from "../src/ledger/index.ts";
import { discover, importTraces } from "../src/traces/index.ts";

/**
 * Import of transcripts: writes so many megabytes (default 1,000) of what Claude Code, Codex and pi leave, a third
 * each, the tools' outputs being real source text; then imports them in a fresh process and says how fast that was and
 * how much memory it took at most. A second import finds everything there.
 */
const { values } = parseArgs({
  options: { mb: { type: "string", default: "1000" }, child: { type: "string" }, dry: { type: "boolean" } },
});

async function child(home: string): Promise<void> {
  const began = performance.now();
  const ledger = values.dry ? null : await openLedger(join(home, "ledger.db"));
  const report = await importTraces(ledger, discover({ folder: null, env: { HOME: home } }), {
    dryRun: values.dry ?? false,
  });
  await ledger?.close();
  const seconds = (performance.now() - began) / 1000;
  const { totalBytes, turns, known, unchanged, events, unknown, redacted } = report;
  const peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(
    JSON.stringify({
      ...{ mb: Math.round(totalBytes / 1e6), seconds: Number(seconds.toFixed(1)) },
      ...{ mbPerSecond: Number((totalBytes / 1e6 / seconds).toFixed(1)), peakMb },
      ...{ turns, known, unchanged, events, unknown, redacted },
    }),
  );
}

function parent(): void {
  const home = mkdtempSync(join(tmpdir(), "whet-imports-"));
  try {
    write(home, Number(values.mb) * 1e6);
    const run = (what: string, ...more: string[]) => {
      const { stdout, stderr } = spawnSync(
        process.execPath,
        [import.meta.filename, "--child", home, ...more],
        { encoding: "utf8" },
      );
      process.stderr.write(stderr);
      console.log(`${what}: ${stdout.trim()}`);
    };
    run("read only ", "--dry");
    run("imported  ");
    run("once again");
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Files of about 25 MB, one agent's after the other's. */
function write(home: string, bytes: number): void {
  const texts = readdirSync(join(import.meta.dirname, "../src"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => readFileSync(join(import.meta.dirname, "../src", path), "utf8").slice(0, 12_000));
  const makers = [claudeTurn, codexTurn, piTurn];
  let written = 0;
  let serial = 0;
  for (let file = 0; written < bytes; file++) {
    const maker = file % makers.length;
    const folder = join(
      home,
      [".claude/projects/p", ".codex/sessions/2026/11/21", ".pi/agent/sessions/p"][maker] ?? "",
    );
    mkdirSync(folder, { recursive: true });
    const handle = openSync(join(folder, `rollout-${file}.jsonl`), "w");
    let size = writeSync(
      handle,
      [
        "",
        `${JSON.stringify({ timestamp: time(serial), type: "session_meta", payload: { id: `c${file}`, cwd: "/home/dev/p", cli_version: "0.169.0" } })}\n`,
        `${JSON.stringify({ type: "session", version: 3, id: `p${file}`, timestamp: time(serial), cwd: "/home/dev/p" })}\n`,
      ][maker] ?? "",
    );
    while (size < 25e6 && written + size < bytes) {
      const lines = makers[maker]?.(serial, (n) => texts[(serial * 7 + n) % texts.length] ?? "") ?? [];
      size += writeSync(handle, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
      serial += 100;
    }
    closeSync(handle);
    written += size;
  }
}

const steps = 8;
const time = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString();

function claudeTurn(n: number, text: (n: number) => string): object[] {
  const line = (at: number, more: object) => ({
    ...{
      parentUuid: `u${at - 1}`,
      isSidechain: false,
      uuid: `u${at}`,
      sessionId: `s${n}`,
      timestamp: time(at),
    },
    ...{ cwd: "/home/dev/p", version: "2.1.329", gitBranch: "main", userType: "external" },
    ...more,
  });
  const said = (at: number, content: object, stop: string) =>
    line(at, {
      type: "assistant",
      requestId: `req${at}`,
      message: {
        ...{ id: `m${at}`, role: "assistant", model: "m", content: [content], stop_reason: stop },
        usage: {
          input_tokens: 12,
          cache_read_input_tokens: 9000,
          cache_creation_input_tokens: 300,
          output_tokens: 80,
        },
      },
    });
  return [
    line(n, { type: "user", message: { role: "user", content: `Do piece ${n} of the work.` } }),
    ...Array.from({ length: steps }, (_, i) => {
      const at = n + 1 + i * 2;
      return [
        said(
          at,
          { type: "tool_use", id: `t${at}`, name: "Bash", input: { command: `cat file${i}.ts` } },
          "tool_use",
        ),
        line(at + 1, {
          type: "user",
          message: {
            role: "user",
            content: [{ type: "tool_result", tool_use_id: `t${at}`, content: text(i) }],
          },
          toolUseResult: { stdout: text(i), stderr: "" },
        }),
      ];
    }).flat(),
    said(n + 90, { type: "text", text: "That is done." }, "end_turn"),
  ];
}

function codexTurn(n: number, text: (n: number) => string): object[] {
  const line = (at: number, type: string, payload: object) => ({ timestamp: time(at), type, payload });
  return [
    line(n, "event_msg", { type: "task_started", turn_id: `turn${n}` }),
    line(n, "response_item", {
      type: "message",
      role: "user",
      content: [{ type: "input_text", text: `Do piece ${n}.` }],
    }),
    ...Array.from({ length: steps }, (_, i) => [
      line(n + i, "response_item", {
        ...{ type: "function_call", name: "exec_command", call_id: `c${n}-${i}` },
        arguments: JSON.stringify({ cmd: `cat file${i}.ts` }),
      }),
      line(n + i, "response_item", {
        ...{ type: "function_call_output", call_id: `c${n}-${i}` },
        output: `Wall time: 0.1 seconds\nProcess exited with code 0\nOutput:\n${text(i)}`,
      }),
    ]).flat(),
    line(n + 90, "response_item", {
      type: "message",
      role: "assistant",
      content: [{ type: "output_text", text: "Done." }],
    }),
    line(n + 90, "event_msg", { type: "task_complete", turn_id: `turn${n}`, last_agent_message: "Done." }),
  ];
}

/** The chain of a pi session; one file follows another, and what a file does not hold is no part of its tree. */
let previous: string | null = null;

function piTurn(n: number, text: (n: number) => string): object[] {
  let id = n;
  const line = (message: object) => {
    id++;
    const parentId = previous;
    previous = `e${id}`;
    return {
      type: "message",
      id: `e${id}`,
      parentId,
      timestamp: time(id),
      message: { ...message, timestamp: Date.UTC(2026, 0, 1) + id * 1000 },
    };
  };
  const usage = { input: 12, output: 80, cacheRead: 9000, cacheWrite: 0, cost: { total: 0.01 } };
  return [
    line({ role: "user", content: [{ type: "text", text: `Do piece ${n}.` }] }),
    ...Array.from({ length: steps }, (_, i) => [
      line({
        ...{ role: "assistant", model: "m", usage, stopReason: "toolUse", responseId: `r${n}-${i}` },
        content: [{ type: "toolCall", id: `t${i}`, name: "bash", arguments: { command: `cat file${i}.ts` } }],
      }),
      line({
        role: "toolResult",
        toolCallId: `t${i}`,
        toolName: "bash",
        content: [{ type: "text", text: text(i) }],
        isError: false,
      }),
    ]).flat(),
    line({
      role: "assistant",
      model: "m",
      usage,
      stopReason: "stop",
      content: [{ type: "text", text: "Done." }],
    }),
  ];
}

if (values.child !== undefined) await child(values.child);
else parent();

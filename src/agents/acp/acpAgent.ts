import { realpath } from "node:fs/promises";
import { posix } from "node:path";
import type { ClientContext, PromptResponse, SessionNotification } from "@agentclientprotocol/sdk/unstable";
import type { ResearcherChoice } from "../../contract/index.ts";
import type { Outcome } from "../../sandbox/index.ts";
import type { Agent, Turn, TurnResult } from "../agent.ts";
import { type TraceEvent, usageOf } from "../trace.ts";
import { clientApp } from "./clientApp.ts";
import { type Ended, endedBy, endedByError } from "./endings.ts";
import type { SeenFolder } from "./folder.ts";
import type { Launched, Launcher } from "./launcher.ts";
import type { Grounds } from "./permission.ts";
import { type NewEvent, openUpdates, tokensOf } from "./updates.ts";
import { openWire } from "./wire.ts";

export type AcpChoice = Extract<ResearcherChoice, { kind: "acp" }>;

/** Milliseconds that an agent has to end a cancelled turn by itself. */
const cancelGrace = 2000;
/** Milliseconds that it has to end after a finished turn (it may still write its own transcript). */
const exitGrace = 500;

/**
 * A coding agent that speaks the Agent Client Protocol over its standard streams.
 *
 * Its requests are answered by the contract: changes of editable files and looks at the working copy are granted, one
 * at a time, everything else is refused and recorded as `denied`. No terminal is offered. A turn is one session of a
 * fresh process.
 *
 * @param change the contract's globs, relative to the lab.
 *
 * @see https://agentclientprotocol.com
 */
export function acpAgent(choice: AcpChoice, launcher: Launcher, change: readonly string[]): Agent {
  return { name: "acp", turn: (turn) => takeTurn(choice, launcher, change, turn) };
}

async function takeTurn(
  choice: AcpChoice,
  launcher: Launcher,
  change: readonly string[],
  turn: Turn,
): Promise<TurnResult> {
  const startedAt = performance.now();
  const acp = await import("@agentclientprotocol/sdk/unstable");
  const events: TraceEvent[] = [];
  const emit = (event: NewEvent) => {
    const stamped = { at: Date.now(), ...event };
    events.push(stamped);
    turn.onEvent?.(stamped);
  };
  const note = (text: string) => emit({ type: "note", text: text.slice(0, 2000) });
  let refused: string | null = null;
  const deny = (tool: string | null, reason: string) => {
    refused = reason;
    emit({ type: "denied", tool, reason });
  };
  let cut: Ended | null = null;
  let session: { agent: ClientContext; id: string } | null = null;
  const timers = new Set<NodeJS.Timeout>();
  let launched: Launched | null = null;

  /** Ends the turn from outside: asks the agent to stop, then makes it. */
  const cutOff = (ending: Ended["ending"], message: string, grace = cancelGrace) => {
    if (cut !== null) return;
    cut = { ending, message };
    if (session === null) return launched?.kill();
    session.agent.notify(acp.methods.agent.session.cancel, { sessionId: session.id }).catch(() => {});
    timers.add(setTimeout(() => launched?.kill(), grace));
  };
  const updates = openUpdates(
    emit,
    () => performance.now(),
    (dollars) => {
      if (turn.dollars !== undefined && dollars > turn.dollars)
        cutOff("limit", `it spent $${dollars}, and $${turn.dollars} were left`);
    },
  );

  let lastLineAt = performance.now();
  const wire = openWire({
    write: (line) => launched?.write(line),
    update: (params) => {
      try {
        updates.take((params as SessionNotification).update);
      } catch {
        note(`an update that cannot be read: ${JSON.stringify(params)}`);
      }
    },
    noise: note,
  });
  const asked = (question: string) => cutOff("asked", `it asked a question: ${question}`);
  const seen: SeenFolder = { host: await realpath(turn.folder), seen: turn.folder };
  const grounds: Grounds = {
    folder: seen,
    cwd: turn.cwd,
    change,
    ...(turn.mcp ? { mcp: turn.mcp.name } : {}),
  };

  const app = clientApp(acp, grounds, { updates, deny, asked, isCut: () => cut !== null });

  const conversation = async (agent: ClientContext): Promise<PromptResponse> => {
    const hello = await agent.request(acp.methods.agent.initialize, {
      protocolVersion: acp.PROTOCOL_VERSION,
      clientInfo: { name: "whetstone", version: "1" },
      clientCapabilities: { fs: { readTextFile: true, writeTextFile: true }, terminal: false },
    });
    if (hello.protocolVersion !== acp.PROTOCOL_VERSION)
      throw new Error(
        `it speaks version ${hello.protocolVersion} of the protocol, and this is version ${acp.PROTOCOL_VERSION}`,
      );
    const opened = await agent.request(acp.methods.agent.session.new, {
      cwd: posix.join(seen.seen, turn.cwd),
      mcpServers: turn.mcp
        ? [
            {
              type: "http",
              name: turn.mcp.name,
              url: turn.mcp.url,
              headers: [{ name: "Authorization", value: `Bearer ${turn.mcp.token}` }],
            },
          ]
        : [],
    });
    session = { agent, id: opened.sessionId };
    const model = opened.configOptions?.find(({ category }) => category === "model");
    emit({
      type: "begin",
      agent: hello.agentInfo?.name ?? "acp",
      version: hello.agentInfo?.version ?? null,
      model: model?.type === "select" ? model.currentValue : null,
      session: opened.sessionId,
    });
    const response = await agent.request(acp.methods.agent.session.prompt, {
      sessionId: opened.sessionId,
      prompt: [{ type: "text", text: turn.prompt }],
    });
    updates.flush();
    const tokens = tokensOf(response, hello.agentInfo?.name ?? choice.command);
    if (tokens) emit({ type: "usage", scope: "total", ...tokens });
    return response;
  };

  let ended: Ended & { retryAfterMs?: number | null };
  let outcome: Outcome | null = null;
  const onAbort = () => cutOff("cancelled", "it was cancelled");
  try {
    const process = await launcher({
      command: choice.command,
      folder: seen.host,
      cwd: turn.cwd,
      env: choice.env,
      hosts: choice.hosts,
      time: turn.time,
      onLine: (line, stream) => {
        lastLineAt = performance.now();
        if (stream === "stdout") wire.line(line);
      },
    });
    launched = process;
    seen.seen = process.seen;
    const { done } = process;
    void done.then((result) => {
      outcome = result;
      wire.end();
    });
    timers.add(
      setTimeout(
        () => cutOff("timeout", `it ran into the time limit of ${turn.time / 1000} s`),
        Math.min(Math.max(turn.time - cancelGrace, turn.time * 0.8), 2 ** 31 - 1),
      ),
    );
    watchIdle();
    if (turn.signal?.aborted) onAbort();
    else turn.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const { stopReason } = await app.connectWith(wire.stream, conversation);
      ended = endedBy(stopReason, refused);
    } catch (error) {
      updates.flush();
      // An agent that is gone says more by how it went than by the connection that broke.
      const gone = outcome ?? (await settled(done, 200));
      ended = gone
        ? endedByExit(gone, session !== null)
        : endedByError(error instanceof Error ? error : new Error(String(error)));
    }
    process.closeStdin();
    outcome = await settled(done, cut === null ? exitGrace : 50);
    if (outcome === null) {
      process.kill();
      outcome = await done;
    }
  } catch (error) {
    ended = { ending: "start", message: error instanceof Error ? error.message : String(error) };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    turn.signal?.removeEventListener("abort", onAbort);
  }
  const { ending, message, retryAfterMs = null }: typeof ended = (cut as Ended | null) ?? ended;
  const text = events.findLast((event) => event.type === "message" && event.role === "assistant");
  const last = text?.type === "message" ? text.text : "";
  emit({ type: "final", ok: ending === "done", text: last, reason: ending === "done" ? null : message });
  return {
    ending,
    message,
    text: last,
    events,
    usage: usageOf(events),
    raw: outcome === null ? "" : `${outcome.stdout}${outcome.stderr}`,
    wallMs: performance.now() - startedAt,
    retryAfterMs,
    enforced: launched?.enforced ?? [],
    notEnforced: launched?.notEnforced ?? [],
  };

  function watchIdle(): void {
    const { idle } = turn;
    if (idle === undefined) return;
    const look = () => {
      const rest = idle - (performance.now() - lastLineAt);
      if (rest <= 0) return cutOff("idle", `nothing was heard of it for ${idle / 1000} s`);
      timers.add(setTimeout(look, rest));
    };
    timers.add(setTimeout(look, idle));
  }
}

/** How a turn ended by the end of its process. */
function endedByExit(outcome: Outcome, begun: boolean): Ended {
  const tail = outcome.stderr.trim().split("\n").slice(-5).join("\n").slice(-1000);
  const message = `${outcome.message || "it ended"} ${begun ? "in the middle of its turn" : "before its session began"}${tail === "" ? "" : `: ${tail}`}`;
  if (outcome.ending === "timeout") return { ending: "timeout", message };
  return { ending: begun ? "failed" : "start", message };
}

/** The outcome, or null when it takes longer than so many milliseconds. */
async function settled(done: Promise<Outcome>, ms: number): Promise<Outcome | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

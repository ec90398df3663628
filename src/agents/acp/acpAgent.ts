import { realpath } from "node:fs/promises";
import { posix } from "node:path";
import type { ClientContext, PromptResponse, SessionNotification } from "@agentclientprotocol/sdk/unstable";
import type { Outcome } from "../../sandbox/index.ts";
import { unknownUsage, usageOf } from "../../trace.ts";
import type { Agent, Turn, TurnResult } from "../agent.ts";
import type { Launcher } from "../command/commandAgent.ts";
import { openRaw } from "../command/raw.ts";
import { openRecorder } from "../command/recorder.ts";
import { failed, refusal } from "../command/verdict.ts";
import { signOf } from "../presets/signs.ts";
import type { ProviderAnswer } from "../relay/relay.ts";
import type { AcpChoice } from "./choice.ts";
import { clientApp } from "./clientApp.ts";
import { type Ended, endedBy, endedByError, endedByExit } from "./endings.ts";
import { type Launched, launch } from "./launch.ts";
import type { Grounds } from "./permission.ts";
import { type NewEvent, openUpdates, tokensOf } from "./updates.ts";
import { openWire } from "./wire.ts";

type Acp = typeof import("@agentclientprotocol/sdk/unstable");

/** Milliseconds that an agent has to end a cancelled turn by itself. */
const cancelGrace = 2000;
/** Milliseconds that it has to end after a finished turn (it may still write its own transcript). */
const exitGrace = 500;
/** Failed answers of the provider in a row after which waiting is left to the session. */
const patience = 3;
/** A provider that asks for a longer wait than this, in milliseconds, gets it from the session. */
const longWait = 20_000;

/**
 * A coding agent that speaks the Agent Client Protocol over its standard streams, in the sandbox.
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
  const recorder = openRecorder(turn.onEvent);
  // What it says is worked with as it is; what is kept of it holds no secret.
  let redact = (text: string) => text;
  const emit = (event: NewEvent) => recorder.push({ at: Date.now(), ...redacted(event, redact) });
  const note = (text: string) => recorder.note(redact(text), Date.now());
  const raw = openRaw();
  const seen = {
    refused: null as string | null,
    activeAt: performance.now(),
    answer: null as ProviderAnswer | null,
    failures: 0,
  };
  const ours = { cut: null as Ended | null, session: null as { agent: ClientContext; id: string } | null };
  const timers = new Set<NodeJS.Timeout>();
  let launched: Launched | null = null;

  /** Ends the turn from outside: asks the agent to stop, then makes it. */
  const cutOff = (ending: Ended["ending"], message: string) => {
    if (ours.cut !== null) return;
    ours.cut = { ending, message };
    if (ours.session === null) return launched?.running.kill();
    const { agent, id } = ours.session;
    agent.notify(acp.methods.agent.session.cancel, { sessionId: id }).catch(() => {});
    timers.add(setTimeout(() => launched?.running.kill(), cancelGrace));
  };
  const updates = openUpdates(
    emit,
    () => performance.now(),
    (dollars) => {
      if (turn.dollars !== undefined && dollars > turn.dollars)
        cutOff("limit", `it spent $${dollars.toFixed(2)}, $${turn.dollars.toFixed(2)} was left`);
    },
  );
  const wire = openWire({
    write: (line) => launched?.running.write(line),
    update: (params) => {
      try {
        updates.take((params as SessionNotification).update);
      } catch {
        note(`an update that cannot be read: ${JSON.stringify(params)}`);
      }
    },
    noise: note,
  });
  const onActivity = () => {
    seen.activeAt = performance.now();
  };
  const onAnswer = (answer: ProviderAnswer) => {
    // What comes while it is being ended is no reason for that, and says nothing of how long to wait.
    if (ours.cut !== null) return;
    seen.answer = answer;
    seen.failures = failed(answer) ? seen.failures + 1 : 0;
    const sign = failed(answer) ? signOf(answer.status, answer.message) : null;
    if (sign && (seen.failures >= patience || (answer.retryAfterMs ?? 0) > longWait))
      cutOff(sign, refusal(sign, answer));
  };
  const onAbort = () => cutOff("cancelled", "it was cancelled");

  /** From the start of the process to its end. */
  const live = async (): Promise<Ended> => {
    const folder = await realpath(turn.folder);
    const begun = await launch(
      choice,
      launcher,
      { ...turn, folder },
      {
        onLine(line, stream) {
          onActivity();
          raw.push(redact(line), stream);
          if (stream === "stdout") wire.line(line);
          else note(line);
        },
        onSecrets: (found) => {
          redact = found;
        },
        onAnswer,
        onActivity,
      },
    );
    if ("ending" in begun) return begun;
    launched = begun;
    const { running } = begun;
    const { done } = running;
    let gone: Outcome | null = null;
    void done.then((outcome) => {
      gone = outcome;
      wire.end();
    });
    // So that it ends by itself, a little before the sandbox ends it.
    const time = Math.max(turn.time - cancelGrace, turn.time * 0.8);
    timers.add(
      setTimeout(
        () => cutOff("timeout", `it ran into the time limit of ${turn.time / 1000} s`),
        Math.min(time, 2 ** 31 - 1),
      ),
    );
    watchIdle();
    if (turn.signal?.aborted) onAbort();
    else turn.signal?.addEventListener("abort", onAbort, { once: true });

    const grounds: Grounds = {
      folder: { host: folder, seen: begun.seen },
      ...{ cwd: turn.cwd, change },
      ...(begun.mcp ? { mcp: begun.mcp.name } : {}),
    };
    const app = clientApp(acp, grounds, {
      updates,
      deny(tool, reason) {
        seen.refused = reason;
        emit({ type: "denied", tool, reason });
      },
      asked: (question) => cutOff("asked", `it asked a question: ${question}`),
      isCut: () => ours.cut !== null,
    });
    let ended: Ended;
    try {
      const { stopReason } = await app.connectWith(wire.stream, (agent) =>
        converse(
          acp,
          agent,
          { turn, launched: begun, command: choice.command, emit, flush: () => updates.flush() },
          (id) => {
            ours.session = { agent, id };
          },
        ),
      );
      ended = endedBy(stopReason, seen.refused);
    } catch (error) {
      updates.flush();
      // An agent that is gone says more by how it went than by the connection that broke.
      const outcome = gone ?? (await within(done, 200));
      ended = outcome ? endedByExit(outcome, ours.session !== null) : endedByError(error);
    }
    running.closeStdin();
    if ((await within(done, ours.cut === null ? exitGrace : 50)) === null) {
      running.kill();
      await done;
    }
    return ended;
  };

  try {
    const said = await live().catch(
      (error: unknown): Ended => ({
        ending: "start",
        message: error instanceof Error ? error.message : String(error),
      }),
    );
    const { ending, message: words } = blamed(ours.cut ?? said, seen.answer);
    const message = redact(words);
    const waits = ending === "rate" || ending === "outage";
    const spoken = recorder.events.findLast(
      (event) => event.type === "message" && event.role === "assistant",
    );
    const text = spoken?.type === "message" ? spoken.text : "";
    emit({ type: "final", ok: ending === "done", text, reason: ending === "done" ? null : message });
    const begun = launched as Launched | null;
    return {
      ...{ ending, message, text, events: recorder.events },
      usage: recorder.events.length > 0 ? usageOf(recorder.events) : unknownUsage,
      raw: raw.text(),
      wallMs: performance.now() - startedAt,
      retryAfterMs: waits ? (seen.answer?.retryAfterMs ?? said.retryAfterMs ?? null) : null,
      enforced: begun?.enforced ?? [],
      notEnforced: begun?.notEnforced ?? [],
    };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    turn.signal?.removeEventListener("abort", onAbort);
    await (launched as Launched | null)?.close();
  }

  function watchIdle(): void {
    const { idle } = turn;
    if (idle === undefined) return;
    const look = () => {
      const rest = idle - (performance.now() - seen.activeAt);
      if (rest <= 0) return cutOff("idle", `nothing was heard of it for ${idle / 1000} s`);
      timers.add(setTimeout(look, rest));
    };
    timers.add(setTimeout(look, idle));
  }
}

function redacted(event: NewEvent, redact: (text: string) => string): NewEvent {
  const texts = Object.entries(event).map(([name, value]) => [
    name,
    typeof value === "string" && name !== "type" && name !== "id" ? redact(value) : value,
  ]);
  return Object.fromEntries(texts) as NewEvent;
}

/** A turn that failed or hung because its model does not answer is the provider's failure, whatever the agent says. */
function blamed(ended: Ended, answer: ProviderAnswer | null): Ended {
  if (
    !["failed", "idle", "timeout", "auth", "rate", "outage"].includes(ended.ending) ||
    !answer ||
    !failed(answer)
  )
    return ended;
  const sign = signOf(answer.status, answer.message);
  return sign ? { ending: sign, message: refusal(sign, answer) } : ended;
}

/** The client's part of a turn: greet, open a session, ask. */
async function converse(
  acp: Acp,
  agent: ClientContext,
  at: { turn: Turn; launched: Launched; command: string; emit: (event: NewEvent) => void; flush: () => void },
  onSession: (id: string) => void,
): Promise<PromptResponse> {
  const { turn, launched, emit } = at;
  const hello = await agent.request(acp.methods.agent.initialize, {
    protocolVersion: acp.PROTOCOL_VERSION,
    clientInfo: { name: "whetstone", version: "1" },
    // It finds the same files by itself, and Gemini takes the answer that there is none for a failure: it would make no
    // new file.
    clientCapabilities: { fs: { readTextFile: false, writeTextFile: true }, terminal: false },
  });
  if (hello.protocolVersion !== acp.PROTOCOL_VERSION)
    throw new Error(
      `it speaks version ${hello.protocolVersion} of the protocol, and this is version ${acp.PROTOCOL_VERSION}`,
    );
  const { mcp } = launched;
  const opened = await agent.request(acp.methods.agent.session.new, {
    cwd: posix.join(launched.seen, turn.cwd),
    mcpServers: mcp
      ? [
          {
            type: "http",
            name: mcp.name,
            url: mcp.url,
            headers: [{ name: "Authorization", value: `Bearer ${mcp.token}` }],
          },
        ]
      : [],
  });
  onSession(opened.sessionId);
  const model = opened.configOptions?.find(({ category }) => category === "model");
  const name = hello.agentInfo?.name ?? "acp";
  emit({
    type: "begin",
    agent: name,
    version: hello.agentInfo?.version ?? launched.version,
    model: model?.type === "select" ? model.currentValue : null,
    session: opened.sessionId,
  });
  const response = await agent.request(acp.methods.agent.session.prompt, {
    sessionId: opened.sessionId,
    prompt: [{ type: "text", text: turn.prompt }],
  });
  at.flush();
  const tokens = tokensOf(response, `${name} ${at.command}`);
  if (tokens) emit({ type: "usage", scope: "total", ...tokens });
  return response;
}

/** The outcome, or null when it takes longer than so many milliseconds. */
async function within(done: Promise<Outcome>, ms: number): Promise<Outcome | null> {
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

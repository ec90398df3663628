import type { Sandbox } from "../../sandbox/index.ts";
import { type TraceEvent, unknownUsage, usageOf } from "../../trace.ts";
import type { Agent, Turn, TurnEnding, TurnResult } from "../agent.ts";
import { forRecord, handedOn, openLaunchpad } from "../launch.ts";
import type { Preset } from "../presets/preset.ts";
import type { Environment } from "../presets/providers.ts";
import { signOf } from "../presets/signs.ts";
import { locate } from "../program.ts";
import type { ProviderAnswer } from "../relay/relay.ts";
import { viewOf } from "../shown.ts";
import { openRaw } from "./raw.ts";
import { openRecorder } from "./recorder.ts";
import { failed, refusal, verdict } from "./verdict.ts";

/** What the contract says of one command agent. */
export interface CommandChoice {
  model?: string;
  /** Further arguments. */
  args?: readonly string[];
  /** Variables handed on, besides the provider's key. */
  env: readonly string[];
  /** Hosts that it may reach besides its model's. */
  hosts: readonly string[];
}

export interface Launcher {
  sandbox: Sandbox;
  /** The user's environment. */
  env: Environment;
  /** Called with what a person should know and that is no part of a turn's result. */
  onNotice?: (text: string) => void;
}

/**
 * When waiting for a provider that fails is left to the session: after so many failed answers in a row, which is more
 * than agents try by themselves, or fewer within so many milliseconds from those that wait longer each time.
 */
const patience = { answers: 5, slow: { answers: 3, after: 12_000 } };
/** A provider that asks for a longer wait than this, in milliseconds, gets it from the session. */
const longWait = 20_000;

/**
 * An agent that is a program: each turn starts it anew, with a home of its own, the prompt on its standard input, in
 * the sandbox. A turn is done when nothing had to cut it off, the exit code is 0 and the agent's own final event, where
 * it has one, is good.
 */
export function commandAgent(preset: Preset, choice: CommandChoice, launcher: Launcher): Agent {
  return {
    name: preset.name,
    ...(preset.reports ? { reports: preset.reports } : {}),
    turn: (turn) => runTurn(preset, choice, launcher, turn),
  };
}

async function runTurn(
  preset: Preset,
  choice: CommandChoice,
  { sandbox, env, onNotice }: Launcher,
  turn: Turn,
): Promise<TurnResult> {
  const startedAt = performance.now();
  const wallMs = () => performance.now() - startedAt;
  const unable = (ending: TurnEnding, message: string): TurnResult => ({
    ...{ ending, message, text: "", events: [], usage: unknownUsage, raw: "", wallMs: wallMs() },
    ...{ retryAfterMs: null, enforced: [], notEnforced: [] },
  });
  const program = locate(preset.program, env, viewOf(sandbox, turn));
  if ("missing" in program) return unable("start", program.missing);
  const connection = preset.connect(env, choice.model);
  if (connection.kind === "none") return unable("auth", `${preset.name} has no key: ${connection.message}`);

  const reader = preset.reader();
  const raw = openRaw();
  const recorder = openRecorder(turn.onEvent);
  const seen = {
    answer: null as ProviderAnswer | null,
    failures: [] as number[],
    activeAt: performance.now(),
  };
  const ours = { cut: null as { ending: TurnEnding; message: string } | null, kill: () => {} };
  const cutOff = (ending: TurnEnding, message: string) => {
    ours.cut ??= { ending, message };
    ours.kill();
  };
  const onAnswer = (answer: ProviderAnswer) => {
    // What comes while it is being ended is no reason for that, and says nothing of how long to wait.
    if (ours.cut !== null) return;
    const sign = failed(answer) ? signOf(answer.status, answer.message) : null;
    // What is not found, or malformed, may be one of several tries of the agent's.
    if (failed(answer) && !sign) return;
    seen.answer = answer;
    seen.failures = sign ? [...seen.failures, performance.now()] : [];
    if (sign && (outOfPatience(seen.failures) || (answer.retryAfterMs ?? 0) > longWait))
      cutOff(sign, refusal(sign, answer));
  };
  const onActivity = () => {
    seen.activeAt = performance.now();
  };
  const take = (events: readonly TraceEvent[]) => {
    for (const event of events) {
      recorder.push(event.type === "begin" ? { ...event, version: event.version ?? program.version } : event);
      if (event.type === "call" && asksAPerson.has(event.tool))
        cutOff("asked", `it asked a person: ${event.args ?? event.tool}`);
    }
    const { input, output, dollars } = recorder.usage;
    const tokens = (input ?? 0) + (output ?? 0);
    if (turn.tokens !== undefined && tokens > turn.tokens)
      cutOff("limit", `it used ${tokens} tokens, ${turn.tokens} were left`);
    if (turn.dollars !== undefined && (dollars ?? 0) > turn.dollars)
      cutOff(
        "limit",
        `it spent $${Number((dollars ?? 0).toPrecision(3))}, $${Number(turn.dollars.toPrecision(3))} was left`,
      );
  };

  const pad = await openLaunchpad(sandbox, {
    ...{ connection, hosts: choice.hosts, readable: program.readable, turn, onAnswer, onActivity },
  });
  const watch = turn.idle === undefined ? null : watchIdle(turn.idle);
  try {
    const plan = preset.plan({
      ...{ providers: pad.providers, home: pad.home, model: choice.model, confined: pad.confined },
      ...{ dollars: turn.dollars, mcp: pad.mcp },
    });
    // What it prints is kept: secrets that it holds or was told are not.
    const redact = forRecord(pad, choice.env, env);
    const handed = handedOn(choice.env, env, pad.providers);
    const running = pad.start({
      argv: [...program.argv, ...plan.args, ...(choice.args ?? [])],
      env: { ...handed, ...plan.env },
      ...{ files: plan.files, copies: preset.brings?.(env) ?? {} },
      onLine(printed, stream) {
        const at = Date.now();
        onActivity();
        const line = redact(printed);
        raw.push(line, stream);
        const events = stream === "stdout" ? reader.read(line, at) : null;
        if (events) take(events);
        else recorder.note(line, at);
      },
    });
    ours.kill = () => running.kill();
    if (ours.cut) running.kill();
    running.write(turn.prompt);
    running.closeStdin();
    const outcome = await running.done;
    take(reader.end(Date.now()));

    const { ending, message } = verdict({
      ...{ cut: ours.cut, outcome, hasFinal: "name" in preset.program, sign: reader.sign },
      final: recorder.events.findLast((event) => event.type === "final") ?? null,
      ...{ answer: seen.answer, lastLine: raw.last },
    });
    const waits = ending === "rate" || ending === "outage";
    const held = Object.keys(handed).filter((name) => plan.env[name] === undefined);
    return {
      ...{ ending, message, text: reader.text, events: recorder.events },
      ...{ usage: usageOf(recorder.events), raw: raw.text(), wallMs: wallMs() },
      retryAfterMs: waits ? (seen.answer?.retryAfterMs ?? null) : null,
      enforced: pad.enforced,
      notEnforced: [...pad.notEnforced, ...held.map((name) => `the agent holds ${name} of your environment`)],
    };
  } finally {
    if (watch) clearInterval(watch);
    const notice = await pad.close();
    if (notice !== null) onNotice?.(notice);
  }

  function watchIdle(idle: number): NodeJS.Timeout {
    const look = () => {
      const waiting = pad.open() ?? 0;
      // A tool may be silent for long; a request to the model, or nothing at all, may not.
      if (waiting === 0 && recorder.openCalls > 0) return;
      if (performance.now() - seen.activeAt <= idle) return;
      const why = waiting > 0 ? ": its model does not answer" : "";
      cutOff("idle", `nothing was heard of it for ${Math.round(idle / 1000)} s${why}`);
    };
    return setInterval(look, Math.min(1000, Math.max(20, idle / 4)));
  }
}

/** @param failures when each of the failed answers in a row came, milliseconds. */
function outOfPatience(failures: readonly number[]): boolean {
  const { answers, slow } = patience;
  const lasted = (failures.at(-1) ?? 0) - (failures[0] ?? 0);
  return failures.length >= answers || (failures.length >= slow.answers && lasted > slow.after);
}

/** What agents call the tool that asks the person before the screen, where there is none. */
const asksAPerson = new Set(["AskUserQuestion", "ask_user", "question", "request_user_input"]);

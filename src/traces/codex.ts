import type { TurnEnding } from "../agents/index.ts";
import type { Usage } from "../trace.ts";
import { endingOf, type OpenTurn, openTurn, type Redact, type TranscriptReader } from "./turn.ts";
import { asText, contentText, type Fields, fields, list, moment, number, string } from "./values.ts";

/**
 * Codex: `~/.codex/sessions/<year>/<month>/<day>/rollout-*.jsonl`, lines of `{timestamp, type, payload}`.
 *
 * Traps: arguments are JSON in a string, patches are not JSON at all (`custom_tool_call`); what a command came to is
 * told twice, as an event with exit code and duration and as the text that the model saw; `token_count` is a running
 * sum over the whole thread, said again whenever only the rate limits changed; cached tokens are a part of the input;
 * a forked session begins with its parent's `session_meta` and items; what the program itself says is in the role of
 * the user.
 */
export function readCodex(redact: Redact): TranscriptReader {
  let session: string | null = null;
  let version: string | null = null;
  let folder: string | null = null;
  let model: string | null = null;
  let turn: OpenTurn | null = null;
  /** A turn that was announced, before its prompt is known. */
  let announced: { id: string | null; offset: number } | null = null;
  let prompts = 0;
  let total: Usage | null = null;
  let counts = 0;
  let lastError = "";
  let inTask = false;
  let last = { text: "", at: 0 };
  let ending: { ending: TurnEnding; message: string } | null = null;
  const outcomes = new Map<string, { exitCode: number | null; ms: number | null; ok: boolean | null }>();
  const done: ReturnType<OpenTurn["close"]>[] = [];

  function close(end: number | null): void {
    // Older versions never say that a turn is over: one that answered is.
    if (turn && ending === null && !inTask && turn.said !== "") ending = { ending: "done", message: "" };
    if (turn) done.push(turn.close(ending, end));
    turn = null;
    ending = null;
    lastError = "";
    outcomes.clear();
  }

  function prompt(text: string, at: number, offset: number): void {
    // Told as an item and as an event.
    const again = text === last.text && at - last.at < 2000;
    last = { text, at };
    if (turn !== null && announced === null) {
      if (again) return;
      if (inTask) {
        // A word while it works does not begin a turn.
        turn.push({ at, type: "message", role: "user", text });
        return;
      }
    }
    close(offset);
    prompts++;
    turn = openTurn(
      {
        key: announced?.id ?? `${session ?? ""}#${prompts}`,
        ...{ agent: "codex", session, version, model, folder, prompt: text, at },
        offset: announced?.offset ?? offset,
      },
      redact,
    );
    announced = null;
  }

  function item(payload: Fields, at: number, offset: number): void {
    switch (payload.type) {
      case "message": {
        const text = contentText(payload.content) ?? "";
        if (payload.role === "user") {
          if (!isHarness(payload, text)) prompt(text, at, offset);
        } else if (payload.role === "assistant" && text !== "")
          turn?.push({ at, type: "message", role: "assistant", text });
        break;
      }
      case "reasoning": {
        const text = contentText(payload.summary) ?? contentText(payload.content);
        if (text) turn?.push({ at, type: "message", role: "reasoning", text });
        break;
      }
      case "function_call":
      case "custom_tool_call":
      case "local_shell_call":
      case "web_search_call":
      case "tool_search_call":
        turn?.push({
          ...{ at, type: "call", id: string(payload.call_id) ?? string(payload.id) ?? "" },
          tool: [
            string(payload.namespace),
            string(payload.name) ?? String(payload.type).replace(/_call$/, ""),
          ]
            .filter((each) => each)
            .join("."),
          args: asText(payload.arguments ?? payload.input ?? payload.action),
        });
        break;
      case "function_call_output":
      case "custom_tool_call_output":
      case "tool_search_output":
        result(string(payload.call_id) ?? "", payload.output, at);
        break;
    }
  }

  function result(id: string, raw: unknown, at: number): void {
    const { text, exitCode, failed } = outputOf(raw);
    const told = outcomes.get(id);
    outcomes.delete(id);
    const code = told?.exitCode ?? exitCode;
    const ok = told?.ok ?? (code === null ? !failed : code === 0);
    turn?.push({
      ...{ at, type: "result", id, ok, output: text, exitCode: code },
      error: ok ? null : code === null ? text : `exit code ${code}`,
      ...(told?.ms == null ? { ms: null, msFrom: null } : { ms: told.ms, msFrom: "agent" }),
    });
  }

  function happened(payload: Fields, at: number, offset: number): void {
    switch (payload.type) {
      case "task_started":
      case "turn_started":
        close(offset);
        announced = { id: string(payload.turn_id), offset };
        inTask = true;
        break;
      case "user_message":
        prompt(string(payload.message) ?? "", at, offset);
        break;
      case "token_count":
        count(fields(payload.info), at);
        break;
      case "exec_command_end":
      case "patch_apply_end":
      case "mcp_tool_call_end": {
        const { Err: failure } = fields(payload.result);
        const code = number(payload.exit_code);
        outcomes.set(string(payload.call_id) ?? "", {
          exitCode: code,
          ms: lasting(payload.duration),
          ok: failure !== undefined ? false : typeof payload.success === "boolean" ? payload.success : null,
        });
        break;
      }
      case "item_completed": {
        const done = fields(payload.item);
        if (done.type !== "CommandExecution" && done.type !== "FileChange" && done.type !== "McpToolCall")
          break;
        const status = string(done.status);
        outcomes.set(string(done.id) ?? "", {
          exitCode: number(done.exit_code),
          ms: lasting(done.duration),
          ok: status === null ? null : status === "completed",
        });
        break;
      }
      case "error":
      case "stream_error":
        lastError = string(payload.message) ?? "";
        turn?.push({ at, type: "retry", attempt: null, reason: lastError });
        break;
      case "turn_aborted":
        ending = { ending: "cancelled", message: `aborted: ${string(payload.reason) ?? "interrupted"}` };
        close(offset);
        inTask = false;
        break;
      case "task_complete":
      case "turn_complete": {
        const error = fields(payload.error);
        const message = string(error.message) ?? (turn?.said === "" ? lastError : "");
        ending =
          message === ""
            ? { ending: "done", message }
            : { ending: endingOf(statusIn(error, message), message), message };
        // What it said last may be told here only.
        const said = string(payload.last_agent_message);
        if (said && turn?.said === "") turn.push({ at, type: "message", role: "assistant", text: said });
        close(offset);
        inTask = false;
        break;
      }
    }
  }

  /** The difference to the sum before; the sum of a fork begins with its parent's. */
  function count(info: Fields, at: number): void {
    const now = tokens(fields(info.total_token_usage));
    const latest = tokens(fields(info.last_token_usage));
    if (now.input === null) return;
    const before = total;
    total = now;
    if (before !== null && before.input === now.input && before.output === now.output) return;
    const grown =
      before?.input != null && now.input >= before.input && (now.output ?? 0) >= (before.output ?? 0);
    const minus = (a: number | null, b: number | null | undefined) => (a === null ? null : a - (b ?? 0));
    const step = grown
      ? {
          input: minus(now.input, before.input),
          output: minus(now.output, before.output),
          cached: minus(now.cached, before.cached),
          dollars: null,
        }
      : latest.input === null
        ? now
        : latest;
    turn?.used(String(++counts), at, step);
  }

  return {
    read(line, offset) {
      const { type } = line;
      const payload = fields(line.payload);
      const at = moment(line.timestamp);
      if (typeof type !== "string" || at === null) return null;
      switch (type) {
        case "session_meta":
          if (session === null) {
            session = string(payload.id) ?? string(payload.session_id);
            version = string(payload.cli_version);
            folder = string(payload.cwd);
          }
          break;
        case "turn_context":
          model = string(payload.model) ?? model;
          folder = string(payload.cwd) ?? folder;
          if (turn) {
            turn.facts.model = model;
            turn.facts.folder = folder;
          }
          break;
        case "response_item":
          item(payload, at, offset);
          break;
        case "event_msg":
          happened(payload, at, offset);
          break;
        case "compacted":
          turn?.push({ at, type: "note", text: "the conversation was summarised" });
          break;
        default:
          if (!asides.has(type)) return null;
      }
      return done.splice(0);
    },
    note(text) {
      turn?.push({ at: turn.at, type: "note", text });
    },
    end() {
      close(null);
      return done.splice(0);
    },
  };
}

const asides = new Set(["token_usage_record", "world_state", "ghost_snapshot", "turn_metadata"]);

function isHarness(payload: Fields, text: string): boolean {
  const { content_item_metadata: about } = fields(payload.internal_chat_message_metadata_passthrough);
  const from = list(about).map((each) => fields(fields(each).provenance).type);
  if (from.length > 0) return from.every((each) => each === "harness");
  return /^\s*(<(environment_context|user_instructions|turn_aborted|skill|skills_instructions|subagent_notification|user_shell_command|permissions instructions)\b|# AGENTS\.md instructions)/.test(
    text,
  );
}

/** What the model saw of a call: text, in older versions JSON around it, or parts. */
function outputOf(raw: unknown): { text: string | null; exitCode: number | null; failed: boolean } {
  let value: unknown = raw;
  if (typeof value === "string" && value.startsWith('{"output"')) {
    try {
      value = JSON.parse(value);
    } catch {
      // Text that only looks so.
    }
  }
  const outer = fields(value);
  const text =
    typeof value === "string"
      ? value
      : (contentText(value) ?? string(outer.output) ?? contentText(outer.content) ?? asText(value));
  const metadata = number(fields(outer.metadata).exit_code);
  const said = /^(?:.*\n){0,4}?(?:Process exited with code|Exit code:) (-?\d+)/.exec(text ?? "")?.[1];
  const exitCode = metadata ?? (said === undefined ? null : Number(said));
  const failed =
    outer.success === false ||
    /^(failed|error|execution error|apply_patch verification failed)\b/i.test(text ?? "");
  return { text, exitCode, failed };
}

function tokens(usage: Fields): Usage {
  return {
    input: number(usage.input_tokens),
    output: number(usage.output_tokens),
    cached: number(usage.cached_input_tokens),
    dollars: null,
  };
}

function lasting(duration: unknown): number | null {
  const { secs, nanos } = fields(duration);
  const seconds = number(secs);
  return seconds === null ? number(duration) : seconds * 1000 + (number(nanos) ?? 0) / 1e6;
}

function statusIn(error: Fields, message: string): number | null {
  const about = Object.values(fields(error.codex_error_info)).map((each) =>
    number(fields(each).http_status_code),
  );
  const said = /status[^\d]{0,12}(\d{3})\b/i.exec(message)?.[1];
  return about.find((each) => each !== null) ?? (said === undefined ? null : Number(said));
}

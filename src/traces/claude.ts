import type { TurnEnding } from "../agents/index.ts";
import type { TraceEvent } from "../trace.ts";
import { endingOf, type OpenTurn, openTurn, type Redact, type TranscriptReader } from "./turn.ts";
import { asText, contentText, type Fields, fields, list, moment, number, string } from "./values.ts";

/** One conversation: the main one, or that of an agent which it called. */
interface Strand {
  turn: OpenTurn | null;
  /** How it stands now: the last word of the model decides. */
  ending: { ending: TurnEnding; message: string } | null;
  end: number;
}

/**
 * Claude Code: `~/.claude/projects/<folder>/<session>.jsonl` and `<session>/subagents/agent-*.jsonl`.
 *
 * Traps: an answer with several parts takes several lines, each repeating its tokens; the lines of parallel calls
 * interleave; agents that it calls write into the same file in older versions (`isSidechain`); a resumed session may
 * begin with a copy of the earlier one, under the same line ids.
 */
export function readClaude(redact: Redact): TranscriptReader {
  const strands = new Map<string, Strand>();
  /** Side lines without an agent id: which strand their parent belongs to. */
  const sideOf = new Map<string, string>();
  const done: ReturnType<OpenTurn["close"]>[] = [];

  function strandOf(line: Fields): [string, Strand] {
    let name = "";
    if (line.isSidechain === true) {
      const uuid = string(line.uuid) ?? "";
      name = string(line.agentId) ?? sideOf.get(string(line.parentUuid) ?? "") ?? uuid;
      if (string(line.agentId) === null) sideOf.set(uuid, name);
    }
    let strand = strands.get(name);
    if (!strand) {
      strand = { turn: null, ending: null, end: 0 };
      strands.set(name, strand);
    }
    return [name, strand];
  }

  function close(strand: Strand): void {
    if (strand.turn) done.push(strand.turn.close(strand.ending, strand.end));
    strand.turn = null;
    strand.ending = null;
  }

  function begin(line: Fields, text: string, at: number, offset: number): void {
    const [name, strand] = strandOf(line);
    close(strand);
    const session = string(line.sessionId);
    strand.turn = openTurn(
      {
        key: string(line.uuid) ?? `${session}@${offset}`,
        agent: name === "" ? "claude" : "claude/agent",
        session: name === "" ? session : `${session}/${name}`,
        ...{ version: string(line.version), model: null, folder: string(line.cwd) },
        ...{ prompt: text, at, offset },
      },
      redact,
    );
  }

  function user(line: Fields, at: number, offset: number): void {
    const { content } = fields(line.message);
    const parts = list(content).map(fields);
    const results = parts.filter((part) => part.type === "tool_result");
    const [, strand] = strandOf(line);
    if (results.length > 0) {
      for (const part of results) result(part, strand, at);
      return;
    }
    const text = contentText(content) ?? "";
    if (/^\[Request interrupted by user/.test(text)) {
      strand.turn?.push({ at, type: "note", text });
      strand.ending = { ending: "cancelled", message: "interrupted by the user" };
    } else if (line.isMeta === true || line.isCompactSummary === true || /^<local-command-/.test(text)) {
      // Written by the agent itself: the text of a skill, a summary, the output of a command of its own.
      if (line.isCompactSummary === true)
        strand.turn?.push({ at, type: "note", text: "the conversation was summarised" });
    } else if (text !== "") begin(line, text, at, offset);
  }

  function result(part: Fields, { turn }: Strand, at: number): void {
    const id = string(part.tool_use_id) ?? "";
    const output = contentText(part.content);
    const ok = part.is_error !== true;
    if (!ok && /doesn't want to (proceed|take)|permission to use|was blocked|denied/i.test(output ?? ""))
      turn?.push({ at, type: "denied", tool: null, reason: output ?? "" });
    const code = /^Exit code (\d+)/.exec(output ?? "")?.[1];
    turn?.push({
      ...{ at, type: "result", id, ok, output, ms: null, msFrom: null },
      error: ok ? null : code === undefined ? output : `exit code ${code}`,
      exitCode: code === undefined ? null : Number(code),
    });
  }

  function assistant(line: Fields, at: number): void {
    const [, strand] = strandOf(line);
    const { turn } = strand;
    if (!turn) return;
    const message = fields(line.message);
    if (line.isApiErrorMessage === true) {
      const reason = contentText(message.content) ?? string(line.error) ?? "an error of the API";
      turn.push({ at, type: "retry", attempt: null, reason });
      strand.ending = { ending: endingOf(number(line.apiErrorStatus), reason), message: reason };
      return;
    }
    turn.facts.model ??= string(message.model);
    for (const part of list(message.content).map(fields)) {
      const event = said(part, at);
      if (event) turn.push(event);
    }
    const usage = fields(message.usage);
    const input = number(usage.input_tokens);
    const cached = number(usage.cache_read_input_tokens);
    // Input does not hold what comes from the cache, nor what goes into it.
    const read =
      input === null ? null : input + (cached ?? 0) + (number(usage.cache_creation_input_tokens) ?? 0);
    turn.used(string(line.requestId) ?? string(message.id) ?? String(at), at, {
      ...{ input: read, output: number(usage.output_tokens), cached, dollars: null },
    });
    const stop = string(message.stop_reason);
    strand.ending =
      stop === "end_turn" || stop === "stop_sequence"
        ? { ending: "done", message: "" }
        : stop === "max_tokens"
          ? { ending: "limit", message: "the answer was cut off at its greatest length" }
          : stop === "refusal"
            ? { ending: "failed", message: "the model refused" }
            : null;
  }

  return {
    read(line, offset) {
      const { type } = line;
      if (typeof type !== "string") return null;
      const at = moment(line.timestamp);
      if ((type === "user" || type === "assistant") && at !== null) {
        if (type === "user") user(line, at, offset);
        else assistant(line, at);
        strandOf(line)[1].end = offset;
      } else if (!known.has(type) && type !== "user" && type !== "assistant") return null;
      return done.splice(0);
    },
    note(text) {
      const { turn } = strands.get("") ?? {};
      turn?.push({ at: turn.at, type: "note", text });
    },
    end() {
      for (const strand of strands.values()) close(strand);
      return done.splice(0);
    },
  };
}

function said(part: Fields, at: number): TraceEvent | null {
  const text = string(part.text) ?? string(part.thinking) ?? "";
  if (part.type === "text") return text === "" ? null : { at, type: "message", role: "assistant", text };
  if (part.type === "thinking") return text === "" ? null : { at, type: "message", role: "reasoning", text };
  if (part.type === "tool_use")
    return {
      ...{ at, type: "call", id: string(part.id) ?? "", tool: string(part.name) ?? "" },
      args: asText(part.input),
    };
  return null;
}

/** Kinds of lines that say nothing about what was done. */
export const claudeAsides = [
  ...["attachment", "queue-operation", "last-prompt", "mode", "cost-state", "summary", "system", "progress"],
  ...["api-request", "api-request-shape", "api-request-blob", "atis-latch", "file-history-snapshot"],
  ...["custom-title", "ai-title", "agent-name", "tag", "pr-link", "worktree-state", "permission-mode"],
  ...["content-replacement", "tools-used", "marble-origami-commit", "result"],
];
const known = new Set(claudeAsides);

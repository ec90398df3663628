import type { TurnEnding } from "../agents/index.ts";
import { endingOf, type OpenTurn, openTurn, type Redact, type TranscriptReader } from "./turn.ts";
import { asText, contentText, type Fields, fields, list, moment, number, string } from "./values.ts";

/**
 * The entries of a pi session that lie on its active branch: going back to an earlier message and on from there leaves
 * the abandoned entries in the file. The newest entry is the tip, as it is for pi itself. Entries without an id (of
 * version 1, which had no tree) always belong.
 */
export interface Branch {
  /** Takes one line's beginning, in order. */
  add(line: string): void;
  /** Whether the entry with this id is on the branch; asked once all lines were added. */
  has(id: string | null): boolean;
}

const linked = /"id":"([^"\\]{1,64})","parentId":(?:"([^"\\]{1,64})"|null)/;

export function activeBranch(): Branch {
  const parents = new Map<string, string | null>();
  let tip: string | null = null;
  let active: Set<string> | null = null;
  return {
    add(line) {
      const [, id, parent] = linked.exec(line.slice(0, 400)) ?? [];
      if (id === undefined) return;
      parents.set(id, parent ?? null);
      tip = id;
    },
    has(id) {
      if (id === null || !parents.has(id)) return true;
      if (active === null) {
        active = new Set();
        // A circle, which a broken file may hold, ends at the first entry that is met again.
        for (let at = tip; at !== null && !active.has(at); at = parents.get(at) ?? null) active.add(at);
      }
      return active.has(id);
    },
  };
}

/** pi: `~/.pi/agent/sessions/<folder>/*.jsonl`, a tree of entries (`id`, `parentId`), times in milliseconds. */
export function readPi(redact: Redact, branch: Branch): TranscriptReader {
  let session: string | null = null;
  let folder: string | null = null;
  let model: string | null = null;
  let turn: OpenTurn | null = null;
  let ending: { ending: TurnEnding; message: string } | null = null;
  const done: ReturnType<OpenTurn["close"]>[] = [];

  function close(end: number | null): void {
    if (turn) done.push(turn.close(ending, end));
    turn = null;
    ending = null;
  }

  function message(entry: Fields, at: number, offset: number): void {
    const said = fields(entry.message);
    switch (said.role) {
      case "user": {
        close(offset);
        turn = openTurn(
          {
            key: `${session ?? ""}/${string(entry.id) ?? offset}`,
            ...{ agent: "pi", session, version: null, model, folder, at, offset },
            prompt: contentText(said.content) ?? "",
          },
          redact,
        );
        break;
      }
      case "assistant":
        assistant(said, at);
        break;
      case "toolResult": {
        const output = contentText(said.content);
        const ok = said.isError !== true;
        const code = /\bexited with code (\d+)/.exec((output ?? "").slice(-200))?.[1];
        turn?.push({
          ...{ at, type: "result", id: string(said.toolCallId) ?? "", ok, output, ms: null, msFrom: null },
          error: ok ? null : code === undefined ? output : `exit code ${code}`,
          exitCode: code === undefined ? null : Number(code),
        });
        break;
      }
      case "bashExecution":
        turn?.push({ at, type: "note", text: `the user ran: ${string(said.command) ?? ""}` });
        break;
    }
  }

  function assistant(said: Fields, at: number): void {
    if (!turn) return;
    if (string(said.model)) turn.facts.model = string(said.model);
    for (const part of list(said.content).map(fields)) {
      const text = string(part.text) ?? string(part.thinking) ?? "";
      if (part.type === "text" && text !== "") turn.push({ at, type: "message", role: "assistant", text });
      else if (part.type === "thinking" && text !== "")
        turn.push({ at, type: "message", role: "reasoning", text });
      else if (part.type === "toolCall")
        turn.push({
          ...{ at, type: "call", id: string(part.id) ?? "", tool: string(part.name) ?? "" },
          args: asText(part.arguments),
        });
    }
    const usage = fields(said.usage);
    const [input, cached] = [number(usage.input), number(usage.cacheRead)];
    const read = input === null ? null : input + (cached ?? 0) + (number(usage.cacheWrite) ?? 0);
    if (read !== null && read > 0)
      turn.used(string(said.responseId) ?? `${at}`, at, {
        ...{ input: read, output: number(usage.output), cached },
        // A model without a price costs it nothing: that is not known.
        dollars: number(fields(usage.cost).total) || null,
      });
    const reason = string(said.errorMessage) ?? "";
    switch (said.stopReason) {
      case "error": {
        turn.push({ at, type: "retry", attempt: null, reason });
        const status = /^\D{0,20}(\d{3})\b/.exec(reason)?.[1];
        ending = { ending: endingOf(status === undefined ? null : Number(status), reason), message: reason };
        break;
      }
      case "aborted":
        ending = { ending: "cancelled", message: reason || "interrupted by the user" };
        break;
      case "length":
        ending = { ending: "limit", message: "the answer was cut off at its greatest length" };
        break;
      default:
        ending = said.stopReason === "stop" ? { ending: "done", message: "" } : null;
    }
  }

  return {
    read(line, offset) {
      const { type } = line;
      if (typeof type !== "string") return null;
      if (type === "session") {
        session = string(line.id);
        folder = string(line.cwd);
        return [];
      }
      if (!branch.has(string(line.id))) return [];
      const at = moment(fields(line.message).timestamp) ?? moment(line.timestamp);
      if (type === "message" && at !== null) message(line, at, offset);
      else if (type === "model_change") model = string(line.modelId) ?? model;
      else if (type === "compaction" && at !== null)
        turn?.push({ at, type: "note", text: "the conversation was summarised" });
      else if (!asides.has(type)) return null;
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

const asides = new Set([
  ...[
    "message",
    "thinking_level_change",
    "branch_summary",
    "custom",
    "custom_message",
    "label",
    "compaction",
  ],
  ...["session_info", "active_tools_change"],
]);

import type { TurnEnding } from "../agents/index.ts";
import type { OpencodeDatabase, OpencodeSession } from "./opencodeDatabase.ts";
import { endingOf, type OpenTurn, openTurn, type Redact, type TranscriptTurn } from "./turn.ts";
import { asText, type Fields, fields, moment, number, parseObject, string } from "./values.ts";

/**
 * OpenCode: one database for all projects, `~/.local/share/opencode/opencode.db`; a session has messages, a message
 * has parts. A turn is a user's message and the assistant's that answer it (`parentID`), a message a step.
 *
 * @param unknown told of each message or part that cannot be read.
 */
export function* readOpencode(
  db: OpencodeDatabase,
  session: OpencodeSession,
  redact: Redact,
  unknown: () => void,
): Generator<TranscriptTurn> {
  let turn: OpenTurn | null = null;
  let ending: { ending: TurnEnding; message: string } | null = null;
  for (const id of db.messages(session.id)) {
    const row = db.message(id);
    const message = parseObject(row?.data ?? "");
    if (!row || !message) {
      unknown();
      continue;
    }
    const parts = row.parts.map((part) => {
      const read = part === null ? null : parseObject(part);
      if (part === null) turn?.push({ at: turn.at, type: "note", text: "a part was too long to be read" });
      else if (!read) unknown();
      return read ?? {};
    });
    const at = moment(fields(message.time).created) ?? row.createdAt;
    if (message.role === "user") {
      const text = parts
        .filter((part) => part.type === "text" && part.synthetic !== true)
        .flatMap((part) => string(part.text) ?? [])
        .join("\n");
      // Without words of the user's own: a summary, or the answer of an agent that was called.
      if (text === "" && turn !== null) continue;
      if (turn) yield turn.close(ending, null);
      ending = null;
      turn = openTurn(
        {
          key: id,
          agent: session.parent === null ? "opencode" : "opencode/agent",
          ...{ session: session.id, version: session.version, folder: session.folder },
          ...{ model: string(fields(message.model).modelID), prompt: text, at, offset: null },
        },
        redact,
      );
    } else if (message.role === "assistant" && turn) ending = answer(message, id, parts, turn, at);
    else if (message.role !== "assistant") unknown();
  }
  if (turn) yield turn.close(ending, null);
}

function answer(
  message: Fields,
  id: string,
  parts: readonly Fields[],
  turn: OpenTurn,
  began: number,
): { ending: TurnEnding; message: string } | null {
  turn.facts.model ??= string(message.modelID);
  for (const part of parts) {
    const at = moment(fields(part.time).start) ?? began;
    const text = string(part.text) ?? "";
    if (part.type === "text" && text !== "") turn.push({ at, type: "message", role: "assistant", text });
    else if (part.type === "reasoning" && text !== "")
      turn.push({ at, type: "message", role: "reasoning", text });
    else if (part.type === "tool") tool(part, turn, began);
    else if (part.type === "compaction")
      turn.push({ at, type: "note", text: "the conversation was summarised" });
    else if (part.type === "retry")
      turn.push({
        ...{ at, type: "retry", attempt: number(part.attempt) },
        reason: string(fields(fields(part.error).data).message) ?? "",
      });
  }
  const tokens = fields(message.tokens);
  const cache = fields(tokens.cache);
  const [input, cached] = [number(tokens.input), number(cache.read)];
  const read = input === null ? null : input + (cached ?? 0) + (number(cache.write) ?? 0);
  const output = number(tokens.output);
  const ended = moment(fields(message.time).completed) ?? began;
  if (read !== null && read > 0)
    turn.used(id, ended, {
      ...{ input: read, cached },
      output: output === null ? null : output + (number(tokens.reasoning) ?? 0),
      // Without a price of its own it says 0.
      dollars: number(message.cost) || null,
    });
  if (message.error !== undefined) {
    const error = fields(message.error);
    const data = fields(error.data);
    const reason = string(data.message) ?? string(error.name) ?? "an error";
    if (error.name === "MessageAbortedError") return { ending: "cancelled", message: reason };
    turn.push({ at: ended, type: "note", text: reason });
    return { ending: endingOf(number(data.statusCode), reason), message: reason };
  }
  switch (message.finish) {
    case "stop":
      return { ending: "done", message: "" };
    case "length":
      return { ending: "limit", message: "the answer was cut off at its greatest length" };
    default:
      return null;
  }
}

function tool(part: Fields, turn: OpenTurn, began: number): void {
  const state = fields(part.state);
  const time = fields(state.time);
  const [start, end] = [number(time.start), number(time.end)];
  const id = string(part.callID) ?? "";
  const name = string(part.tool) ?? "";
  turn.push({ at: start ?? began, type: "call", id, tool: name, args: asText(state.input) });
  if (state.status !== "completed" && state.status !== "error") return;
  const code = number(fields(state.metadata).exit);
  // To it a command that fails is a success all the same.
  const ok = state.status === "completed" && (code ?? 0) === 0;
  const error = string(state.error) ?? (ok || code === null ? null : `exit code ${code}`);
  const at = end ?? start ?? began;
  if (error && /rejected permission|prevents you from using/i.test(error))
    turn.push({ at, type: "denied", tool: name, reason: error });
  turn.push({
    ...{ at, type: "result", id, ok, output: asText(state.output), error, exitCode: code },
    ...(start === null || end === null
      ? { ms: null, msFrom: null }
      : { ms: Math.max(0, end - start), msFrom: "agent" }),
  });
}

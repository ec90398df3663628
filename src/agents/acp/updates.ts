import type { PromptResponse, SessionUpdate, ToolCallUpdate } from "@agentclientprotocol/sdk/unstable";
import type { TraceEvent, Usage } from "../../trace.ts";

type Unstamped<Event> = Event extends TraceEvent ? Omit<Event, "at"> : never;
/** A trace event before its arrival is stamped on it. */
export type NewEvent = Unstamped<TraceEvent>;

/** Turns a session's updates into trace events. */
export interface Updates {
  take(update: SessionUpdate): void;
  /** A tool call as it is known by now, completed by what a permission request says of it. */
  call(update: ToolCallUpdate): ToolCallUpdate;
  /** Whatever is still held back. */
  flush(): void;
}

interface Call {
  /** All that was said of it, the newest of each field. */
  known: ToolCallUpdate;
  /** When the newest of its arguments came (`now`). */
  saidAt: number;
  begun: boolean;
  ended: boolean;
}

/** Updates that say nothing about what the agent does. */
const silent: ReadonlySet<string> = new Set([
  "user_message_chunk",
  "available_commands_update",
  "config_option_update",
  "current_mode_update",
  "plan",
  "plan_update",
  "plan_removed",
  "session_info_update",
  "compaction_summary_chunk",
]);

/**
 * Chunks of a message become one message. A call is held back until it begins, needs permission or has ended: agents
 * announce it while the model still writes its arguments, and some (claude) tell them piece by piece.
 *
 * @param onDollars called with the session's cost so far, where the agent says it.
 */
export function openUpdates(
  emit: (event: NewEvent) => void,
  now: () => number,
  onDollars: (dollars: number) => void,
): Updates {
  let said: { role: "assistant" | "reasoning"; id: string | null; text: string } | null = null;
  const calls = new Map<string, Call>();

  const flushMessage = () => {
    if (said !== null && said.text.trim() !== "") emit({ type: "message", role: said.role, text: said.text });
    said = null;
  };
  const begin = (call: Call) => {
    if (call.begun) return;
    call.begun = true;
    const { known } = call;
    emit({ type: "call", id: known.toolCallId, tool: toolOf(known), args: argumentsOf(known) });
  };
  const tool = (update: ToolCallUpdate) => {
    flushMessage();
    const id = update.toolCallId;
    const call = calls.get(id) ?? { known: { toolCallId: id }, saidAt: now(), begun: false, ended: false };
    calls.set(id, call);
    const said = Object.entries(update).filter(([, value]) => value !== null && value !== undefined);
    call.known = { ...call.known, ...Object.fromEntries(said) };
    const { status } = call.known;
    if (!isEmpty(update.rawInput)) call.saidAt = now();
    if (status != null && status !== "pending") begin(call);
    if ((status === "completed" || status === "failed") && !call.ended) {
      call.ended = true;
      emit(resultOf(call.known, now() - call.saidAt));
    }
    return call;
  };

  return {
    take(update) {
      switch (update.sessionUpdate) {
        case "agent_message_chunk":
        case "agent_thought_chunk": {
          const role = update.sessionUpdate === "agent_message_chunk" ? "assistant" : "reasoning";
          const id = update.messageId ?? null;
          if (said !== null && (said.role !== role || said.id !== id)) flushMessage();
          said ??= { role, id, text: "" };
          if (update.content.type === "text") said.text += update.content.text;
          return;
        }
        case "tool_call":
        case "tool_call_update":
          tool(update);
          return;
        case "usage_update":
          // Without a price of its own an agent says 0.
          if (update.cost?.currency === "USD" && update.cost.amount > 0) {
            const unknown = { input: null, output: null, cached: null };
            emit({ type: "usage", scope: "total", ...unknown, dollars: update.cost.amount });
            onDollars(update.cost.amount);
          }
          return;
        case "notice":
          emit({
            type: "note",
            text: [update.title, update.description].filter((text) => text != null).join(": "),
          });
          return;
        default:
          if (!silent.has(update.sessionUpdate)) emit({ type: "note", text: JSON.stringify(update) });
      }
    },
    call(update) {
      const call = tool(update);
      begin(call);
      return call.known;
    },
    flush() {
      flushMessage();
      for (const call of calls.values()) begin(call);
    },
  };
}

/** What a tool is called. Some agents (gemini) give a sentence for a person instead of a name: then its kind. */
export function toolOf({ name, title, kind }: ToolCallUpdate): string {
  const titled = title != null && /^[\w.:/-]+$/.test(title) ? title : null;
  return name ?? titled ?? kind ?? title ?? "unknown";
}

/** The arguments of a call; where the agent gives none, what it says of it otherwise. */
function argumentsOf(call: ToolCallUpdate): string | null {
  if (!isEmpty(call.rawInput)) return JSON.stringify(call.rawInput);
  const { title } = call;
  const paths = (call.locations ?? []).map(({ path }) => path);
  return jsonOrNull({
    ...(title != null && title !== toolOf(call) ? { title } : {}),
    ...(paths.length > 0 ? { paths } : {}),
  });
}

function resultOf(call: ToolCallUpdate, ms: number): NewEvent {
  const ok = call.status === "completed";
  const output = textOf(call) ?? textOrJson(call.rawOutput);
  return {
    type: "result",
    id: call.toolCallId,
    ok,
    output,
    error: ok ? null : (output ?? "it failed"),
    exitCode: exitCodeOf(call.rawOutput),
    ms,
    msFrom: "arrival",
  };
}

function textOf({ content }: ToolCallUpdate): string | null {
  const texts = (content ?? []).flatMap((part) =>
    part.type === "content" && part.content.type === "text" ? [part.content.text] : [],
  );
  return texts.length === 0 ? null : texts.join("\n");
}

function textOrJson(value: unknown): string | null {
  return typeof value === "string" ? value : jsonOrNull(value);
}

function exitCodeOf(output: unknown): number | null {
  if (typeof output !== "object" || output === null) return null;
  const { exitCode, exit_code, metadata } = output as Record<string, unknown>;
  const code = exitCode ?? exit_code ?? (metadata as { exit?: unknown } | undefined | null)?.exit;
  return typeof code === "number" ? code : null;
}

function jsonOrNull(value: unknown): string | null {
  return isEmpty(value) ? null : JSON.stringify(value);
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0)
  );
}

/**
 * Tokens of the whole turn from the answer to its prompt, or null where it does not say, or says only those of its
 * last step (opencode: unknown is better than far too little).
 */
export function tokensOf(response: PromptResponse, agent: string): Usage | null {
  if (/opencode/i.test(agent)) return null;
  const { usage } = response;
  if (usage) {
    const { inputTokens, outputTokens, totalTokens, cachedReadTokens, cachedWriteTokens } = usage;
    // Some agents count cached tokens beside the input, some in it: their total tells.
    const withCached = inputTokens + (cachedReadTokens ?? 0) + (cachedWriteTokens ?? 0);
    return {
      input: withCached + outputTokens <= totalTokens ? withCached : inputTokens,
      output: outputTokens,
      cached: cachedReadTokens ?? null,
      dollars: null,
    };
  }
  const quota = (response._meta as { quota?: { token_count?: Record<string, unknown> } } | null | undefined)
    ?.quota?.token_count;
  const count = (key: string) => (typeof quota?.[key] === "number" ? quota[key] : null);
  const [input, output] = [count("input_tokens"), count("output_tokens")];
  return input === null && output === null ? null : { input, output, cached: null, dollars: null };
}

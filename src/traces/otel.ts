import { createHash } from "node:crypto";
import type { TurnEnding } from "../agents/index.ts";
import type { TraceEvent, Usage } from "../trace.ts";
import { endingOf, openTurn, type Redact, type TranscriptReader, type TranscriptTurn } from "./turn.ts";
import { asText, contentText, type Fields, fields, list, number, parseObject, string } from "./values.ts";

/**
 * OpenTelemetry spans of generative AI (semantic conventions, status Development), as OTLP/JSON: one export request a
 * line. `invoke_agent` is a turn, `chat` (and `generate_content`, `text_completion`) a request to the model,
 * `execute_tool` a call with its result.
 */

interface Span {
  id: string;
  parent: string | null;
  name: string;
  start: number;
  end: number;
  attributes: Fields;
  /** 2: error. */
  status: number;
  message: string;
  offset: number;
}

/** Traces whose spans are waited for at the same time; beyond, the oldest is taken for whole. */
const mostOpen = 200;
const mostSpans = 50_000;

export function readOtel(redact: Redact): TranscriptReader {
  const open = new Map<string, Span[]>();
  const done: TranscriptTurn[] = [];

  function whole(trace: string): void {
    const spans = open.get(trace) ?? [];
    open.delete(trace);
    done.push(...turnsOf(trace, spans, redact));
  }

  return {
    read(line, offset) {
      if (!Array.isArray(line.resourceSpans)) return line.resourceLogs || line.resourceMetrics ? [] : null;
      for (const resource of line.resourceSpans.map(fields))
        for (const scope of list(resource.scopeSpans ?? resource.instrumentationLibrarySpans).map(fields))
          for (const each of list(scope.spans).map(fields)) {
            const trace = string(each.traceId) ?? "";
            const span = spanOf(each, offset);
            if (!Object.keys(span.attributes).some((name) => name.startsWith("gen_ai."))) continue;
            const spans = open.get(trace);
            if (spans === undefined) open.set(trace, [span]);
            else if (spans.length < mostSpans) spans.push(span);
          }
      while (open.size > mostOpen) {
        const [oldest] = open.keys();
        if (oldest === undefined) break;
        whole(oldest);
      }
      return done.splice(0);
    },
    note() {},
    end() {
      for (const trace of [...open.keys()]) whole(trace);
      return done.splice(0);
    },
  };
}

function spanOf(each: Fields, offset: number): Span {
  const status = fields(each.status);
  return {
    id: string(each.spanId) ?? "",
    parent: string(each.parentSpanId) || null,
    name: string(each.name) ?? "",
    start: milliseconds(each.startTimeUnixNano),
    end: milliseconds(each.endTimeUnixNano),
    attributes: attributesOf(each.attributes),
    status: status.code === 2 || status.code === "STATUS_CODE_ERROR" ? 2 : 0,
    message: string(status.message) ?? "",
    offset,
  };
}

/** Nanoseconds since the epoch, as a string (what OTLP/JSON says) or a number. */
function milliseconds(nanoseconds: unknown): number {
  if (typeof nanoseconds === "string" && /^\d{7,20}$/.test(nanoseconds))
    return Number(BigInt(nanoseconds) / 1000n) / 1000;
  return (number(nanoseconds) ?? 0) / 1e6;
}

function attributesOf(attributes: unknown): Fields {
  return Object.fromEntries(
    list(attributes).map((each) => {
      const { key, value } = fields(each);
      return [string(key) ?? "", plainOf(value)];
    }),
  );
}

function plainOf(value: unknown): unknown {
  const any = fields(value);
  if (any.intValue !== undefined) return Number(any.intValue);
  if (any.arrayValue !== undefined) return list(fields(any.arrayValue).values).map(plainOf);
  if (any.kvlistValue !== undefined) return attributesOf(fields(any.kvlistValue).values);
  return any.stringValue ?? any.doubleValue ?? any.boolValue ?? null;
}

const operation = (span: Span) =>
  string(span.attributes["gen_ai.operation.name"]) ?? span.name.split(" ")[0] ?? "";

/** The turns of one trace: one for each `invoke_agent`, and one for what lies in none. */
function turnsOf(trace: string, spans: readonly Span[], redact: Redact): TranscriptTurn[] {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const agents = spans.filter((span) => operation(span) === "invoke_agent");
  const owner = (span: Span): Span | null => {
    const seen = new Set<Span>();
    for (
      let at: Span | undefined = byId.get(span.parent ?? "");
      at && !seen.has(at);
      at = byId.get(at.parent ?? "")
    ) {
      if (operation(at) === "invoke_agent") return at;
      seen.add(at);
    }
    return null;
  };
  const members = new Map<Span | null, Span[]>([...agents.map((span) => [span, []] as [Span, Span[]])]);
  for (const span of spans)
    if (operation(span) !== "invoke_agent") {
      const of = owner(span);
      members.set(of, [...(members.get(of) ?? []), span]);
    }
  return [...members].map(([agent, own]) => turnOf(trace, agent, own, redact));
}

function turnOf(trace: string, agent: Span | null, spans: Span[], redact: Redact): TranscriptTurn {
  spans.sort((a, b) => a.start - b.start);
  const first = agent ?? (spans[0] as Span);
  const all = agent ? [agent, ...spans] : spans;
  const attribute = (name: string) =>
    all.map((span) => string(span.attributes[name])).find((each) => each !== null) ?? null;
  const asked = all.flatMap((span) => messages(span.attributes["gen_ai.input.messages"]));
  const turn = openTurn(
    {
      key: `${trace}/${first.id}`,
      agent: attribute("gen_ai.agent.name") ?? "otel",
      session: attribute("gen_ai.conversation.id"),
      version: attribute("gen_ai.agent.version"),
      model: attribute("gen_ai.response.model") ?? attribute("gen_ai.request.model"),
      folder: null,
      prompt: asked.find(({ role }) => role === "user")?.text ?? "",
      at: first.start,
      offset: first.offset,
    },
    redact,
  );
  const steps = spans.some((span) => usageIn(span).input !== null || usageIn(span).output !== null);
  for (const span of spans) {
    if (operation(span) === "execute_tool") toolOf(span, (event) => turn.push(event));
    else for (const event of saidIn(span)) turn.push(event);
    const usage = usageIn(span);
    if (usage.input !== null || usage.output !== null) turn.used(span.id, span.end, usage);
  }
  if (agent) {
    // What the agent's own span says counts where its requests say nothing.
    if (!spans.some((span) => span.attributes["gen_ai.output.messages"] !== undefined))
      for (const event of saidIn(agent)) turn.push(event);
    if (!steps) turn.used(agent.id, agent.end, usageIn(agent));
  }
  const failed = agent ?? spans.at(-1);
  const type = string(failed?.attributes["error.type"]);
  const bad = failed?.status === 2 || type !== null;
  const stated = string(agent?.attributes["whetstone.ending"]);
  const ending = bad
    ? {
        ending: (stated as TurnEnding | null) ?? endingOf(Number(type) || null, failed?.message ?? ""),
        message: failed?.message || type || "it failed",
      }
    : { ending: "done" as const, message: "" };
  const closed = turn.close(ending, null);
  return { ...closed, endedAt: Math.max(closed.endedAt, first.end) };
}

function usageIn({ attributes }: Span): Usage {
  return {
    input: number(attributes["gen_ai.usage.input_tokens"] ?? attributes["gen_ai.usage.prompt_tokens"]),
    output: number(attributes["gen_ai.usage.output_tokens"] ?? attributes["gen_ai.usage.completion_tokens"]),
    cached: number(attributes["gen_ai.usage.cache_read.input_tokens"]),
    dollars: number(attributes["whetstone.cost.usd"]),
  };
}

function toolOf(span: Span, push: (event: TraceEvent) => void): void {
  const { attributes } = span;
  const id = string(attributes["gen_ai.tool.call.id"]) ?? span.id;
  const tool = string(attributes["gen_ai.tool.name"]) ?? span.name.replace(/^execute_tool /, "");
  push({ at: span.start, type: "call", id, tool, args: asText(attributes["gen_ai.tool.call.arguments"]) });
  if (attributes["whetstone.unanswered"] === true) return;
  const type = string(attributes["error.type"]);
  const ok = span.status !== 2 && type === null;
  push({
    ...{ at: span.end, type: "result", id, ok, output: asText(attributes["gen_ai.tool.call.result"]) },
    error: ok ? null : span.message || type,
    exitCode: number(attributes["process.exit.code"]),
    ...{ ms: Math.max(0, span.end - span.start), msFrom: "agent" },
  });
}

/** Messages as the conventions have them, structured or as JSON in a string. */
function messages(value: unknown): { role: string; text: string; reasoning: string }[] {
  const read = typeof value === "string" ? parseList(value) : list(value);
  return read.map(fields).map((message) => {
    const parts = list(message.parts).map(fields);
    const of = (type: string) =>
      parts
        .filter((part) => part.type === type)
        .flatMap((part) => string(part.content) ?? [])
        .join("\n");
    return {
      role: string(message.role) ?? "",
      text: parts.length === 0 ? (contentText(message.content) ?? "") : of("text"),
      reasoning: of("reasoning"),
    };
  });
}

function parseList(text: string): unknown[] {
  return list(parseObject(`{"list":${text}}`)?.list);
}

function saidIn(span: Span): TraceEvent[] {
  const at = span.end;
  return messages(span.attributes["gen_ai.output.messages"]).flatMap(({ text, reasoning }): TraceEvent[] => [
    ...(reasoning === "" ? [] : [{ at, type: "message", role: "reasoning", text: reasoning } as const]),
    ...(text === "" ? [] : [{ at, type: "message", role: "assistant", text } as const]),
  ]);
}

/** A turn to be written: one of the ledger's, or one that was just read. */
export interface ExportedTurn {
  /** Unique; trace and span ids follow from it, so that the same turn is the same trace each time. */
  id: string;
  agent: string;
  version: string | null;
  model: string | null;
  prompt: string;
  events: readonly TraceEvent[];
  usage: Usage;
  ending: string;
  message: string;
  startedAt: number;
  endedAt: number;
}

/** One line of OTLP/JSON: the turn as an `invoke_agent` span with its `chat` and `execute_tool` spans. */
export function otelLine(turn: ExportedTurn, redact: Redact): string {
  const hash = (text: string, characters: number) =>
    createHash("sha256").update(text).digest("hex").slice(0, characters);
  const traceId = hash(`whetstone trace ${turn.id}`, 32);
  const spanId = (position: number) => hash(`whetstone span ${turn.id} ${position}`, 16);
  const root = spanId(-1);
  const begin = turn.events.find((event) => event.type === "begin");
  const model = turn.model ?? begin?.model ?? null;
  const span = (
    position: number,
    name: string,
    start: number,
    end: number,
    attributes: Attributes,
    error?: string | null,
  ) => ({
    traceId,
    spanId: position === -1 ? root : spanId(position),
    ...(position === -1 ? {} : { parentSpanId: root }),
    name,
    kind: 1,
    startTimeUnixNano: nanoseconds(start),
    endTimeUnixNano: nanoseconds(Math.max(start, end)),
    attributes: keyValues(attributes),
    status: error === undefined ? {} : { code: 2, ...(error ? { message: redact(error) } : {}) },
  });
  const text = (value: string | null) => (value === null ? null : redact(value));
  const said = (role: string, type: string, content: string) =>
    JSON.stringify([{ role, parts: [{ type, content: redact(content) }] }]);

  const spans: object[] = [];
  const results = new Map(
    turn.events.flatMap((event) => (event.type === "result" ? [[event.id, event] as const] : [])),
  );
  turn.events.forEach((event, position) => {
    if (event.type === "message" && event.role !== "user")
      spans.push(
        span(position, `chat ${model ?? ""}`.trim(), event.at, event.at, {
          "gen_ai.operation.name": "chat",
          "gen_ai.request.model": model,
          "gen_ai.output.messages": said(
            "assistant",
            event.role === "reasoning" ? "reasoning" : "text",
            event.text,
          ),
        }),
      );
    else if (event.type === "usage" && event.scope === "step")
      spans.push(
        span(position, `chat ${model ?? ""}`.trim(), event.at, event.at, {
          "gen_ai.operation.name": "chat",
          "gen_ai.request.model": model,
          ...usageAttributes(event),
        }),
      );
    else if (event.type === "call") {
      const result = results.get(event.id);
      const end = result === undefined ? event.at : result.ms === null ? result.at : event.at + result.ms;
      spans.push(
        span(
          position,
          `execute_tool ${event.tool}`,
          event.at,
          end,
          {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event.tool,
            "gen_ai.tool.call.id": event.id,
            "gen_ai.tool.call.arguments": text(event.args),
            "gen_ai.tool.call.result": text(result?.output ?? null),
            "process.exit.code": result?.exitCode ?? null,
            "error.type": result?.ok === false ? "tool_error" : null,
            "whetstone.unanswered": result === undefined ? true : null,
          },
          result?.ok === false ? (result.error ?? "") : undefined,
        ),
      );
    }
  });
  const done = turn.ending === "done";
  spans.unshift(
    span(
      -1,
      `invoke_agent ${turn.agent}`,
      turn.startedAt,
      turn.endedAt,
      {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": turn.agent,
        "gen_ai.agent.version": turn.version,
        "gen_ai.conversation.id": begin?.session ?? null,
        "gen_ai.request.model": model,
        ...usageAttributes(turn.usage),
        "gen_ai.input.messages": said("user", "text", turn.prompt),
        "error.type": done ? null : turn.ending,
        "whetstone.ending": turn.ending,
      },
      done ? undefined : turn.message,
    ),
  );
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: keyValues({ "service.name": "whetstone" }) },
        scopeSpans: [{ scope: { name: "whetstone" }, spans }],
      },
    ],
  });
}

type Attributes = Record<string, string | number | boolean | null>;

function usageAttributes(usage: Usage): Attributes {
  return {
    "gen_ai.usage.input_tokens": usage.input,
    "gen_ai.usage.output_tokens": usage.output,
    "gen_ai.usage.cache_read.input_tokens": usage.cached,
    "whetstone.cost.usd": usage.dollars,
  };
}

function keyValues(attributes: Attributes): object[] {
  return Object.entries(attributes).flatMap(([key, value]): object[] => {
    if (value === null) return [];
    if (typeof value === "string") return [{ key, value: { stringValue: value } }];
    if (typeof value === "boolean") return [{ key, value: { boolValue: value } }];
    return [{ key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } }];
  });
}

function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms * 1000)) * 1000n);
}

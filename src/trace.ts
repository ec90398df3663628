/**
 * The one trace format: what an agent or a model did, whoever it was, in the order in which it became known.
 *
 * Names follow the OpenTelemetry semantic conventions for generative AI where they have one: a `call` with its `result`
 * is an `execute_tool` span (gen_ai.tool.name, gen_ai.tool.call.id, …arguments, …result, error.type), `usage` holds
 * gen_ai.usage.input_tokens and output_tokens, `begin` the invoke_agent span's gen_ai.agent.name and
 * gen_ai.request.model.
 */
export type TraceEvent = { /** Milliseconds since the epoch, at arrival. */ at: number } & (
  | {
      type: "begin";
      agent: string;
      /** What the agent says of itself; null: it did not. */
      version: string | null;
      model: string | null;
      /** The agent's own name for the conversation. */
      session: string | null;
    }
  | { type: "message"; role: "user" | "assistant" | "reasoning"; text: string }
  /** A tool is called. `args` is JSON text or, where the agent gives none, null. */
  | { type: "call"; id: string; tool: string; args: string | null }
  /** What a call came to. */
  | {
      type: "result";
      id: string;
      ok: boolean;
      /** What the tool gave back, as text; null: the agent does not say. */
      output: string | null;
      error: string | null;
      exitCode: number | null;
      /** Milliseconds; null where neither the agent nor the arrival of the events tells. */
      ms: number | null;
      /** `agent`: it said so itself. `arrival`: the time between its two events. */
      msFrom: "agent" | "arrival" | null;
    }
  /** `step`: adds to what came before; `total`: replaces it (agents that report a running sum). */
  | ({ type: "usage"; scope: "step" | "total" } & Usage)
  | { type: "retry"; attempt: number | null; reason: string }
  /** Something was not allowed: by the agent's own rules, by the contract, by the sandbox. */
  | { type: "denied"; tool: string | null; reason: string }
  /**
   * A line that the parser does not know, or noise on standard error (kept in the raw stream only when absent here), or
   * what was enforced upon the agent and what not.
   */
  | { type: "note"; text: string }
  | { type: "final"; ok: boolean; text: string /** Why not, when not ok. */; reason: string | null }
);

/** What a model was paid for. Null is unknown, never zero. */
export interface Usage {
  /** Tokens read, cached ones included. */
  input: number | null;
  output: number | null;
  /** Tokens of `input` that came from the provider's cache. */
  cached: number | null;
  /** US dollars. */
  dollars: number | null;
}

export const unknownUsage: Usage = { input: null, output: null, cached: null, dollars: null };

/** The usage of a whole trace: its steps added up after its last total. */
export function usageOf(events: readonly TraceEvent[]): Usage {
  return events.reduce((sum, event) => (event.type === "usage" ? usageAfter(sum, event) : sum), unknownUsage);
}

/** What has been used once this was said too. Nothing is given back: a negative amount is an unknown one. */
export function usageAfter(sum: Usage, event: TraceEvent & { type: "usage" }): Usage {
  const amount = (value: number | null) => (value !== null && value >= 0 ? value : null);
  const now: Usage = {
    ...{ input: amount(event.input), output: amount(event.output) },
    ...{ cached: amount(event.cached), dollars: amount(event.dollars) },
  };
  return event.scope === "total" ? { ...sum, ...known(now) } : added(sum, now);
}

function known(usage: Usage): Partial<Usage> {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null));
}

/** Sum of two usages; what is unknown in both stays so. */
export function added(a: Usage, b: Usage): Usage {
  const sum = (x: number | null, y: number | null) => (x === null ? y : y === null ? x : x + y);
  return {
    input: sum(a.input, b.input),
    output: sum(a.output, b.output),
    cached: sum(a.cached, b.cached),
    dollars: sum(a.dollars, b.dollars),
  };
}

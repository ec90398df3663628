import type { Tokens } from "../prices.ts";
import type { Body, Wire } from "./requests.ts";

const none: Tokens = { input: null, output: null, cached: null };

/** The tokens that an answer says it took, in the terms of its wire; nulls where it does not say. */
export function tokensOf(wire: Wire, answer: unknown): Tokens {
  const { usage } = (answer ?? {}) as { usage?: Body };
  return usageTokens(wire, usage);
}

function usageTokens(wire: Wire, usage: Body | null | undefined): Tokens {
  if (!usage) return none;
  const count = (value: unknown) => (typeof value === "number" && value >= 0 ? value : null);
  const within = (name: string) => count((usage[name] as Body | undefined)?.cached_tokens);
  switch (wire) {
    case "messages": {
      const [plain, read, written] = [
        count(usage.input_tokens),
        count(usage.cache_read_input_tokens),
        count(usage.cache_creation_input_tokens),
      ];
      const input = plain === null ? null : plain + (read ?? 0) + (written ?? 0);
      return { input, output: count(usage.output_tokens), cached: read };
    }
    case "responses":
      return {
        input: count(usage.input_tokens),
        output: count(usage.output_tokens),
        cached: within("input_tokens_details"),
      };
    case "embeddings":
      return { input: count(usage.prompt_tokens), output: 0, cached: null };
    case "chat":
      return {
        input: count(usage.prompt_tokens),
        output: count(usage.completion_tokens),
        cached: within("prompt_tokens_details"),
      };
    case "count":
    case "models":
      return { input: 0, output: 0, cached: null };
  }
}

/** Reads a stream of server-sent events (WHATWG HTML, 9.2) as it passes. */
export interface StreamReader {
  /** @returns what goes on to the client. */
  push(chunk: Buffer): Buffer;
  end(): Buffer;
  /** As said until now. */
  tokens(): Tokens;
  /** Whether the stream said that all is said. */
  isWhole(): boolean;
}

/**
 * @param hideUsage takes the last event of a chat's stream away, which holds nothing but the count of tokens: the client
 *   has not asked for it.
 */
export function readStream(wire: Wire, hideUsage: boolean): StreamReader {
  let held = Buffer.alloc(0);
  let tokens = none;
  let whole = false;
  const take = (event: string): boolean => {
    const data = event
      .split(/\r?\n/)
      .flatMap((line) => (line.startsWith("data:") ? [line.slice(5).trimStart()] : []))
      .join("\n");
    if (data === "") return true;
    if (data === "[DONE]") {
      whole = true;
      return true;
    }
    let parsed: Body;
    try {
      parsed = JSON.parse(data) as Body;
    } catch {
      return true;
    }
    const said = (parsed.usage ?? within(parsed.message) ?? within(parsed.response)) as Body | undefined;
    const now = usageTokens(wire, said);
    tokens = {
      input: now.input ?? tokens.input,
      output: now.output ?? tokens.output,
      cached: now.cached ?? tokens.cached,
    };
    if (["message_stop", "response.completed", "response.incomplete"].includes(String(parsed.type)))
      whole = true;
    const bare = wire === "chat" && Array.isArray(parsed.choices) && parsed.choices.length === 0;
    return !(hideUsage && bare && parsed.usage);
  };
  return {
    push(chunk) {
      held = Buffer.concat([held, chunk]);
      const passed: Buffer[] = [];
      for (let end = endOfEvent(held); end > 0; end = endOfEvent(held)) {
        const event = held.subarray(0, end);
        held = held.subarray(end);
        if (take(event.toString())) passed.push(event);
      }
      return Buffer.concat(passed);
    },
    end() {
      const rest = held;
      held = Buffer.alloc(0);
      return rest.length === 0 || take(rest.toString()) ? rest : Buffer.alloc(0);
    },
    tokens: () => tokens,
    isWhole: () => whole,
  };
}

function within(value: unknown): unknown {
  return (value as { usage?: unknown } | undefined)?.usage;
}

/** Where the first event ends, its empty line included; 0: it is not whole yet. */
function endOfEvent(bytes: Buffer): number {
  const [unix, dos] = [bytes.indexOf("\n\n"), bytes.indexOf("\r\n\r\n")];
  if (unix === -1 && dos === -1) return 0;
  return dos === -1 || (unix !== -1 && unix < dos) ? unix + 2 : dos + 4;
}

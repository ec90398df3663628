import type { ModelRequest } from "./request.ts";

/** One answer of the scripted model: words, tool calls, both, or a fault. */
export interface Step {
  text?: string;
  tools?: (Operation | NamedCall)[];
  /** Tokens; `cached` is a part of `input`. Null: the answer says nothing about them. Default 100 and 20. */
  usage?: Tokens | null;
  /** The answer ends because the output limit is reached. */
  truncated?: true;
  /** An HTTP error instead of an answer, in the provider's own form. */
  status?: number;
  /** With `status`: the provider's message, and its code where it has one. */
  message?: string;
  code?: string;
  /** With `status`: seconds, said in the way of the provider (a header, or RetryInfo in the body). */
  retryAfter?: number;
  /**
   * Half of the answer arrives; then the connection breaks, stays open in silence, ends as if all were said, or brings
   * the provider's error (`status`, `message`, `code`; only in streams).
   */
  cut?: true | "stall" | "end" | "error";
  /** Not even headers arrive. */
  hang?: true;
  /** Milliseconds before the answer begins. */
  delayMs?: number;
  /** Milliseconds after each part of the answer. */
  paceMs?: number;
}

export interface Tokens {
  input: number;
  output: number;
  cached?: number;
}

/** What the model wants done, whatever the agent calls its tools: put into terms of what the request offers. */
export type Operation =
  | { op: "read"; path: string }
  /** `old` occurs once in the file and, for agents that edit by patches, is made of whole lines. */
  | { op: "edit"; path: string; old: string; new: string }
  | { op: "write"; path: string; content: string }
  | { op: "shell"; command: string }
  | { op: "mcp"; server: string; tool: string; args: Record<string, unknown> };

export interface NamedCall {
  name: string;
  args: Record<string, unknown>;
}

/** Steps in order, one for each main request and "Done." after the last; or a choice for each request. */
export type Script = readonly Step[] | ((request: ModelRequest, index: number) => Step);

import type { ModelRequest } from "./request.ts";
import type { ResolvedCall } from "./resolve.ts";
import type { Step, Tokens } from "./script.ts";

/** One way in which models are spoken to over HTTP. */
export interface Protocol {
  /** Which paths are requests for an answer. */
  matches(path: string): boolean;
  parse(body: Json, path: string): Parsed;
  /** The answer as server-sent events, each a whole block of text. */
  stream(reply: Reply): string[];
  /** The answer in one piece. */
  whole(reply: Reply): Json;
  failure(status: number, step: Step): Json;
  /** An error in the middle of a stream. */
  streamFailure(status: number, step: Step): string;
}

export type Parsed = Pick<
  ModelRequest,
  "protocol" | "model" | "stream" | "system" | "messages" | "tools" | "wanted" | "maxOutput"
>;

export interface Reply {
  /** Different for each answer. */
  id: number;
  model: string;
  text: string;
  calls: ResolvedCall[];
  usage: Tokens | null;
  truncated: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: what arrives over the wire is read leniently, as a real server does
export type Json = any;

export function event(name: string | null, data: Json): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return `${name === null ? "" : `event: ${name}\n`}data: ${text}\n\n`;
}

/** The text in a few pieces, as models send it. */
export function pieces(text: string): string[] {
  const size = Math.max(1, Math.ceil(text.length / 4));
  const all: string[] = [];
  for (let at = 0; at < text.length; at += size) all.push(text.slice(at, at + size));
  return all;
}

/** Text of a content that is a string, or parts of which some hold text. */
export function textOf(content: Json): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: Json) => (typeof part === "string" ? part : typeof part?.text === "string" ? part.text : ""))
    .filter((text) => text !== "")
    .join("\n");
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

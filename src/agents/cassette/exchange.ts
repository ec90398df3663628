import { createHash } from "node:crypto";
import { redactor } from "../../redaction/index.ts";

/** One request to a model's provider, and what came back. */
export interface Exchange {
  /** Hash of the request as it is compared. */
  key: string;
  method: string;
  /** Path and query, without keys. */
  path: string;
  /** The body as it is compared: JSON with sorted keys, or text. */
  request: Json;
  status: number;
  /** Content type of the answer. */
  type: string;
  /** The whole answer, byte for byte; in base64 where it is no UTF-8. */
  answer: string;
  base64?: true;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A request in the form in which it is compared and kept. */
export type Asked = Pick<Exchange, "key" | "method" | "path" | "request">;

export interface Blurring {
  /** Texts that differ from one place to the next (folders), and what stands for them; longest first is not needed. */
  places?: Readonly<Record<string, string>>;
  /** Keys and other secrets: taken out wherever they stand. */
  secrets?: readonly string[];
}

/** What differs between two runs of the same, whoever measures it. */
const volatile: [RegExp, string][] = [
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)/g, "<time>"],
  [/\b\d+(?:\.\d+)?(?= ?(?:ms|milliseconds)\b)/g, "<n>"],
  [/\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d\b/g, "<time>"],
  // `ls -l`: rights, links, owners, sizes and blocks are the machine's.
  [/[bcdlps-][rwxsStT-]{9}[.+@]? +\d+ +\S+ +\S+ +[\d,]+ +<time>/g, "<entry>"],
  [/^total \d+$/gm, "total <n>"],
  [/(?:\n +at [^\n]*)+/g, "\n    at <stack>"],
  [/\bNode\.js v\d+\.\d+\.\d+\S*/g, "Node.js <version>"],
];

/** Takes out of a text what differs between two runs of the same. */
export function blurred(text: string, { places = {}, secrets = [] }: Blurring): string {
  let result = redactor(secrets)(text);
  const long = Object.entries(places).sort(([a], [b]) => b.length - a.length);
  for (const [place, name] of long) result = result.replaceAll(place, name);
  for (const [pattern, name] of volatile) result = result.replaceAll(pattern, name);
  return result;
}

/** A request as it is compared: two that differ only in time, place or key come out the same. */
export function askedOf(method: string, url: string, body: string, blurring: Blurring): Asked {
  const { pathname, searchParams } = new URL(url, "http://provider");
  searchParams.delete("key");
  searchParams.sort();
  const query = searchParams.toString();
  const path = blurred(query === "" ? pathname : `${pathname}?${query}`, blurring);
  const request = compared(parsed(body), blurring);
  const key = createHash("sha256")
    .update(JSON.stringify([method, path, request]))
    .digest("hex")
    .slice(0, 24);
  return { key, method, path, request };
}

function parsed(body: string): Json {
  try {
    return JSON.parse(body) as Json;
  } catch {
    return body;
  }
}

function compared(value: Json, blurring: Blurring): Json {
  if (typeof value === "string") return blurred(value, blurring);
  if (Array.isArray(value)) return value.map((each) => compared(each, blurring));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, compared(each, blurring)]));
}

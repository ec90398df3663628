/** A way of asking a model. `models` is the list of them, `count` counts the tokens of a message. */
export type Wire = "chat" | "responses" | "embeddings" | "messages" | "count" | "models";

/** JSON object of a request or an answer. */
export type Body = Record<string, unknown>;

const paths: Record<string, Wire> = {
  "/chat/completions": "chat",
  "/responses": "responses",
  "/embeddings": "embeddings",
  "/messages": "messages",
  "/messages/count_tokens": "count",
};

/** The path of a wire, below its version. */
export function pathOf(wire: Wire): string {
  return Object.entries(paths).find(([, each]) => each === wire)?.[0] ?? "/models";
}

/**
 * The wire of a request; null for everything else: no other endpoint of a provider goes through. Clients differ in
 * whether the base address ends with the version.
 */
export function wireOf(method: string, url: string): Wire | null {
  const path = (url.split("?")[0] ?? "").replace(/\/+$/, "").replace(/^\/v1(?=\/)/, "");
  if (method === "GET" && (path === "/models" || /^\/models\/[^/]+$/.test(path))) return "models";
  return method === "POST" && Object.hasOwn(paths, path) ? (paths[path] as Wire) : null;
}

/** A request that may go on, or why not. */
export type Cleaned = { body: Body } | { refusal: string };

const sampling = [
  "model",
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "seed",
  "stream",
  "stream_options",
  "user",
];
const tools = ["tools", "tool_choice", "parallel_tool_calls"];

/**
 * The fields of each wire that ask the granted model and nobody else; every other field is refused. Routers take the
 * names of further models, plugins and providers in fields of their own, and new ones come.
 */
const known: Record<Exclude<Wire, "models">, ReadonlySet<string>> = {
  chat: new Set([
    ...[...sampling, ...tools, "messages", "n", "stop", "max_tokens", "max_completion_tokens"],
    ...["presence_penalty", "frequency_penalty", "repetition_penalty", "logit_bias", "logprobs"],
    ...["top_logprobs", "response_format", "reasoning_effort", "reasoning", "verbosity", "prediction"],
    ...["functions", "function_call", "metadata", "safety_identifier", "store", "thinking"],
    ...["enable_thinking", "chat_template_kwargs", "guided_json", "guided_regex", "guided_choice"],
  ]),
  responses: new Set([
    ...[...sampling, ...tools, "input", "instructions", "max_output_tokens", "max_tool_calls", "text"],
    ...["reasoning", "include", "truncation", "metadata", "safety_identifier", "top_logprobs"],
    ...["store", "background"],
  ]),
  embeddings: new Set(["model", "input", "dimensions", "encoding_format", "user", "input_type"]),
  messages: new Set([
    ...[...sampling, ...tools, "messages", "system", "max_tokens", "stop_sequences", "thinking"],
    ...["metadata", "output_config", "output_format", "cache_control"],
  ]),
  count: new Set(["model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"]),
};

/**
 * Why some fields are refused: they make the provider reach out or remember (its own tools, other models, conversations
 * that it keeps). With these a candidate could reach other hosts, or leave something for a later run.
 */
const reasons: Record<string, string> = {
  models: "names models that are not granted",
  route: "lets the provider choose another model",
  plugins: "lets the provider reach out",
  provider: "chooses another provider",
  mcp_servers: "connects the provider to other servers",
  container: "is kept by the provider between requests",
  previous_response_id: "continues a conversation that the provider keeps",
  conversation: "continues a conversation that the provider keeps",
  prompt: "names a text that the provider keeps",
  prompt_cache_key: "joins a cache of the provider",
  web_search_options: "lets the provider search the web",
  service_tier: "changes what a token costs",
  context_management: "lets the provider keep what was said",
};

/**
 * The request as it goes to the provider: with the granted temperature, streaming with a count of tokens, and nothing
 * kept there.
 *
 * @param name the granted model's name, as its provider calls it.
 */
export function cleaned(wire: Wire, given: Body, name: string, temperature: number | undefined): Cleaned {
  for (const [field, value] of Object.entries(given))
    if (value !== undefined && value !== null && wire !== "models" && !known[wire].has(field))
      return {
        refusal: `\`${field}\` ${reasons[field] ?? "is not known to ask the granted model alone"}: it is refused here`,
      };
  if (given.background === true || given.store === true)
    return { refusal: "answers are not kept by the provider: leave out `store` and `background`" };
  const tool = (Array.isArray(given.tools) ? given.tools : []).find((each) => !isOwnTool(each));
  if (tool !== undefined)
    return {
      refusal: `the provider's own tool ${JSON.stringify((tool as Body)?.type)} does not go through here`,
    };
  const reaching = [given.messages, given.system, given.input, given.instructions]
    .map((part) => reachesOut(part))
    .find((found) => found !== null);
  if (reaching) return { refusal: reaching };
  const body: Body = { ...given, model: name };
  if (temperature !== undefined && wire !== "embeddings" && wire !== "count") body.temperature = temperature;
  if (wire === "responses") body.store = false;
  if (wire === "chat") {
    delete body.store;
    if (body.stream === true)
      body.stream_options = { ...(given.stream_options as Body | undefined), include_usage: true };
  }
  return { body };
}

/** A tool that the client itself runs. */
function isOwnTool(tool: unknown): boolean {
  const type = (tool as Body | null)?.type;
  return type === undefined || type === null || type === "function" || type === "custom";
}

/** The kinds of things that messages consist of and that hold what they say themselves. */
const items = new Set([
  ...[
    "text",
    "input_text",
    "output_text",
    "refusal",
    "message",
    "thinking",
    "redacted_thinking",
    "reasoning",
  ],
  ...["summary_text", "reasoning_text", "tool_use", "tool_result", "function", "function_call", "custom"],
  ...["function_call_output", "custom_tool_call", "custom_tool_call_output", "input_audio", "text_delta"],
]);

/** Why a part of a conversation would make the provider fetch something; null where it would not. */
function reachesOut(part: unknown): string | null {
  if (Array.isArray(part)) {
    for (const each of part) {
      const found = reachesOut(each);
      if (found !== null) return found;
    }
    return null;
  }
  if (typeof part !== "object" || part === null) return null;
  const { type, content, output, source } = part as Body;
  if (typeof type === "string" && !items.has(type)) {
    const within = [part as Body, (part as Body).image_url, (part as Body).file, source];
    const reference = within.flatMap((each) => references(each)).find((found) => found !== null);
    if (reference) return `${reference} would be fetched by the provider: give the content itself`;
    if (!contentTypes.has(type)) return `\`type: ${type}\` does not go through here`;
  }
  // The arguments and results of a client's own tools are plain data, whatever they look like.
  return reachesOut(content) ?? reachesOut(output);
}

const contentTypes = new Set([
  "image_url",
  "input_image",
  "image",
  "document",
  "file",
  "input_file",
  "base64",
]);

function references(value: unknown): (string | null)[] {
  if (typeof value !== "object" || value === null) return [];
  const { url, image_url: image, file_url: file, file_id: id, type } = value as Body;
  const address = (each: unknown) =>
    typeof each === "string" && !each.startsWith("data:") ? each.slice(0, 80) : null;
  return [
    address(url),
    address(image),
    address(file),
    typeof id === "string" ? `the file ${id.slice(0, 80)}` : null,
    type === "url" || (value as Body).type === "file_id" ? `a source of the type ${String(type)}` : null,
  ];
}

/** Tokens that an answer may have by its request; null where it says nothing. */
export function mostOutput({
  max_tokens: a,
  max_completion_tokens: b,
  max_output_tokens: c,
  n,
}: Body): number | null {
  const told = [a, b, c].filter((each) => typeof each === "number" && Number.isFinite(each) && each >= 0);
  if (told.length === 0) return null;
  return Math.max(...(told as number[])) * answersOf({ n });
}

/** How many answers a request wants. */
function answersOf({ n }: Body): number {
  return typeof n === "number" && Number.isFinite(n) && n > 1 ? n : 1;
}

/** Fields that say how long an answer may be. */
const lengths = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
/** Tokens; below, some providers refuse the field itself. */
const leastLength = 16;

/** A request with a bound on its answer that limits put there; null: there was no need. */
export interface Bounded {
  body: Body;
  /** Tokens of all answers together. */
  bound: number | null;
}

/**
 * Keeps an answer within what limits leave. A request that wants more gets as much as one evaluation still may have; one
 * that does not say gets what is left of everything, where every server takes that for a length: servers refuse a
 * length that their model cannot give.
 *
 * @param own tokens that are left of the evaluation's limits; infinite: it has none.
 * @param all tokens that are left of any limit.
 * @param surely tokens that any model of this provider can answer with.
 * @param field where this provider reads the length in a chat.
 */
export function bounded(
  wire: Wire,
  body: Body,
  { own, all, surely, field }: { own: number; all: number; surely: number; field: string },
): Bounded {
  if (wire !== "chat" && wire !== "responses" && wire !== "messages") return { body, bound: null };
  const wanted = mostOutput(body);
  const room = wanted === null ? all : own;
  const each = Math.floor(room / answersOf(body));
  if (each < leastLength || (wanted === null ? each > surely : wanted <= room)) return { body, bound: null };
  const name = wire === "chat" ? field : wire === "responses" ? "max_output_tokens" : "max_tokens";
  const lowered = lengths.filter((length) => typeof body[length] === "number" && body[length] > each);
  const changed = Object.fromEntries((wanted === null ? [name] : lowered).map((length) => [length, each]));
  return { body: { ...body, ...changed }, bound: each * answersOf(body) };
}

/** The same text for the same request, whatever the order of its keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

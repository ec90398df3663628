import { createHash } from "node:crypto";
import {
  type ClientRequest,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from "node:http";
import { request as requestHttps } from "node:https";
import { PassThrough } from "node:stream";
import { masked, masking, shortestSecret, statusOf } from "../passing.ts";
import {
  type Account,
  expected,
  limitPassed,
  ownLimit,
  price,
  roomForAnswer,
  sessionLimits,
  type Tab,
  unpricedLimit,
  type Whole,
} from "./account.ts";
import { readStream, tokensOf } from "./answers.ts";
import type { Asker, Book, StoredAnswer } from "./book.ts";
import { plus, type Spent } from "./meter.ts";
import {
  type Body,
  type Bounded,
  bounded,
  canonical,
  cleaned,
  mostOutput,
  pathOf,
  type Wire,
  wireOf,
} from "./requests.ts";

/** A model that one process may ask, with what it may spend. */
export interface Asked {
  account: Account;
  tab: Tab;
}

export interface AnswererOptions {
  asker: Asker;
  models: readonly Asked[];
  book: Book;
  /** Names the pair that an evaluation belongs to, and the process within it: part of the key of a cached answer. */
  pair: string;
  /** What the session as a whole may spend, and has. */
  whole: () => Whole & { spent: Spent };
  /** Requests must carry it as their key; null: nobody else can connect. */
  token: string | null;
}

/** Bytes of one request: more than any context window, less than would burden us. */
const longestRequest = 32 * 2 ** 20;
/** Bytes of an answer that is kept. */
const longestAnswer = 64 * 2 ** 20;
/** Tokens: the least of what the models of the price table may answer with, and what hardly any server refuses. */
const [longAnswer, shortAnswer] = [32_768, 2048];
/** Kinds of faults by status, as Anthropic's clients read them. */
const kinds: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  502: "api_error",
};

/** Answers requests to granted models: from the cache, from the provider, or with a refusal that says why. */
export interface Answerer {
  answer(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** Ends what has no end yet, and waits until all is recorded. */
  close(): Promise<void>;
}

export function openAnswerer(options: AnswererOptions): Answerer {
  const open = new Set<ClientRequest>();
  const working = new Set<Promise<void>>();
  /** How often each request was made: the second one of the same words is another question. */
  const times = new Map<string, number>();

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const wire = wireOf(incoming.method ?? "", incoming.url ?? "");
    if (wire === null)
      return refuse(
        outgoing,
        404,
        "only /v1/chat/completions, /v1/responses, /v1/embeddings, /v1/messages and /v1/models are answered here",
      );
    if (options.token !== null && !carries(incoming, options.token))
      return refuse(outgoing, 401, "the key is not the one of this run: take it from the environment");
    if (wire === "models") return listModels(outgoing);
    const text = await bodyOf(incoming);
    if (text === null) return refuse(outgoing, 413, `a request may have ${longestRequest} bytes at most`);
    const given = parsed(text);
    if (given === null) return refuse(outgoing, 400, "the request is no JSON object");
    const asked = chosen(given.model);
    if (asked === null)
      return refuse(
        outgoing,
        404,
        `the model ${JSON.stringify(given.model)} is not granted: program.md grants ${options.models.map(({ account }) => account.model.name).join(", ")}`,
      );
    const { model } = asked.account;
    if (!model.wires.has(wire))
      return refuse(
        outgoing,
        404,
        `${model.grant.model} is not asked at ${pathOf(wire)}: its provider answers at ${[...model.wires].map(pathOf).join(", ")}`,
      );
    const clean = cleaned(wire, given, model.name, model.grant.temperature);
    if ("refusal" in clean) return refuse(outgoing, 400, clean.refusal);
    const key = model.grant.cache ? keyOf(wire, clean.body) : null;
    const stored = key === null ? null : await options.book.find(options.asker, key);
    const bytes = Buffer.byteLength(text);
    // After the key was made: what a request is called does not depend on what others have spent.
    const { body, bound } = within(asked, wire, clean.body, bytes);
    const longest = wire === "embeddings" ? 0 : mostOutput(clean.body) === null ? null : mostOutput(body);
    const next = expected(asked.account, bytes, longest);
    const limit =
      unpricedLimit(asked.account, options.whole(), bytes) ??
      limitPassed(asked.account, asked.tab, stored === null ? options.whole() : null, next);
    if (limit !== null) {
      asked.tab.limit ??= limit;
      asked.tab.use.refused++;
      return refuse(outgoing, 429, limit.words);
    }
    if (stored !== null) return recall(asked, wire, stored, outgoing);
    await ask({
      asked,
      wire,
      body,
      bound,
      key,
      next,
      bytes,
      incoming,
      outgoing,
      hideUsage: hides(wire, given),
    });
  }

  function chosen(name: unknown): Asked | null {
    const [only] = options.models;
    if (name === undefined || name === null || name === "" || name === "default")
      return options.models.length === 1 ? (only ?? null) : null;
    return (
      options.models.find(
        ({ account }) => name === account.model.name || name === account.model.grant.model,
      ) ?? null
    );
  }

  /** The request with an answer no longer than the limits leave room for. */
  function within({ account, tab }: Asked, wire: Wire, body: Body, bytes: number): Bounded {
    const own = roomForAnswer(account, [ownLimit(account, tab)], bytes);
    const all = Math.min(own, roomForAnswer(account, sessionLimits(account, options.whole()), bytes));
    const { priced, grant } = account.model;
    const isOpenai = grant.url === undefined && grant.model.startsWith("openai/");
    return bounded(wire, body, {
      ...{ own, all, surely: priced === null ? shortAnswer : longAnswer },
      field: isOpenai ? "max_completion_tokens" : "max_tokens",
    });
  }

  function keyOf(wire: Wire, body: Body): string {
    const request = canonical([wire, body]);
    const time = times.get(request) ?? 0;
    times.set(request, time + 1);
    return createHash("sha256")
      .update(JSON.stringify([options.pair, time, request]))
      .digest("hex");
  }

  function recall({ tab }: Asked, wire: Wire, stored: StoredAnswer, outgoing: ServerResponse): void {
    const tokens = stored.contentType.includes("event-stream")
      ? streamTokens(wire, stored.body)
      : tokensOf(wire, parsed(stored.body.toString()));
    const [input, output] = [tokens.input ?? 0, tokens.output ?? 0];
    tab.use.calls++;
    tab.use.cached++;
    tab.use.tokensIn += input;
    tab.use.tokensOut += output;
    tab.asked = plus(tab.asked, { calls: 1, tokens: input + output, dollars: 0 });
    outgoing.writeHead(200, { "content-type": stored.contentType });
    outgoing.end(stored.body);
  }

  function listModels(outgoing: ServerResponse): void {
    const data = options.models.map(({ account: { model } }) => ({
      ...{ id: model.name, object: "model", type: "model", created: 0, owned_by: "whetstone" },
      ...{ display_name: model.grant.model, created_at: "1970-01-01T00:00:00Z" },
    }));
    outgoing.writeHead(200, { "content-type": "application/json" });
    outgoing.end(JSON.stringify({ object: "list", data, has_more: false }));
  }

  interface Question {
    asked: Asked;
    wire: Wire;
    body: Body;
    /** The longest answer that limits left room for, tokens; null: the request did not have to be bounded. */
    bound: number | null;
    key: string | null;
    next: Spent;
    bytes: number;
    incoming: IncomingMessage;
    outgoing: ServerResponse;
    hideUsage: boolean;
  }

  /** Asks the provider, passes the answer on as it comes, and records what it took. */
  function ask(question: Question): Promise<void> {
    const { asked, wire, body, next, outgoing, hideUsage } = question;
    const { account, tab } = asked;
    const { model } = account;
    const began = { at: Date.now(), ms: performance.now() };
    account.pending = plus(account.pending, next);
    tab.pending = plus(tab.pending, next);
    const reader = readStream(wire, hideUsage);
    const kept: Buffer[] = [];
    let length = 0;
    let status = 0;
    let contentType = "application/json";

    return new Promise((settled) => {
      let isOver = false;
      const over = (failure: string | null) => {
        if (isOver) return;
        isOver = true;
        open.delete(onward);
        account.pending = minus(account.pending, next);
        tab.pending = minus(tab.pending, next);
        const answerText = Buffer.concat(kept);
        const streamed = contentType.includes("event-stream");
        const said = streamed ? reader.tokens() : tokensOf(wire, parsed(answerText.toString()));
        const good = status >= 200 && status < 300;
        const whole = failure === null && good && (!streamed || reader.isWhole());
        // A refusal costs nothing; what broke off may have cost all that it was allowed to.
        const guess = whole || good || status === 0 ? next.tokens : 0;
        const counted = said.input !== null || said.output !== null;
        const input = said.input ?? (guess === 0 ? 0 : Math.ceil(question.bytes / 4));
        const output = counted && whole ? (said.output ?? 0) : guess === 0 ? 0 : Math.max(0, guess - input);
        const dollars = price(account, input, output, said.cached);
        const paid: Spent = {
          ...{ calls: 1, tokens: input + output },
          dollars: dollars ?? (model.priced === null || guess === 0 ? 0 : next.dollars),
        };
        account.spent = plus(account.spent, paid);
        account.dearest = {
          calls: 1,
          tokens: Math.max(account.dearest.tokens, paid.tokens),
          dollars: Math.max(account.dearest.dollars, paid.dollars),
        };
        tab.asked = plus(tab.asked, paid);
        tab.use.calls++;
        tab.use.tokensIn += input;
        tab.use.tokensOut += output;
        tab.use.dollars =
          tab.use.dollars === null || dollars === null ? null : tab.use.dollars + paid.dollars;
        // What was cut short by a limit is not comparable: it counts as the limit itself.
        if (question.bound !== null && said.output !== null && said.output >= question.bound)
          tab.limit ??= {
            words: `model ${model.grant.model}: an answer was cut off at ${question.bound} tokens, which is what the limits of tokens and money left`,
            session: false,
          };
        if (failure !== null || !good) {
          tab.use.failed++;
          tab.use.failure = (failure ?? `${status}: ${answerText.toString().slice(0, 300)}`).slice(0, 400);
        }
        const answer =
          question.key !== null && whole && length <= longestAnswer
            ? { contentType, body: answerText }
            : null;
        options.book
          .add({
            ...{
              asker: options.asker,
              model: model.grant.model,
              key: answer && question.key,
              answer,
              status,
            },
            ...{ tokensIn: input, tokensOut: output, dollars: dollars === null ? null : paid.dollars },
            ...{ startedAt: began.at, wallMs: performance.now() - began.ms },
          })
          .then(settled, settled);
      };

      const payload = Buffer.from(JSON.stringify(body));
      const send = model.base.protocol === "https:" ? requestHttps : requestHttp;
      const onward = send({
        protocol: model.base.protocol,
        hostname: model.base.hostname.replace(/^\[|\]$/g, ""),
        port: model.base.port || undefined,
        method: "POST",
        path: `${model.base.pathname.replace(/\/$/, "")}${model.prefix(wire)}${pathOf(wire)}`,
        headers: { ...headersFor(wire, asked, question.incoming), "content-length": payload.length },
      });
      open.add(onward);
      onward.setNoDelay(true);
      onward.once("response", (answer) => {
        status = statusOf(answer.statusCode);
        contentType = String(answer.headers["content-type"] ?? "application/json").slice(0, 200);
        const streamed = contentType.includes("event-stream");
        const key = model.key ?? "";
        const mask = key.length >= shortestSecret ? masking(key) : new PassThrough();
        outgoing.writeHead(status, { "content-type": contentType, ...retryHeaders(answer) });
        outgoing.flushHeaders();
        answer.pipe(mask);
        mask.on("data", (chunk: Buffer) => {
          const passes = streamed ? reader.push(chunk) : chunk;
          keep(passes);
          if (!outgoing.destroyed && passes.length > 0) outgoing.write(passes);
        });
        mask.once("end", () => {
          const rest = streamed ? reader.end() : Buffer.alloc(0);
          keep(rest);
          // Recorded before the client knows: whoever asks next may be the other arm.
          over(null);
          outgoing.end(rest);
        });
        answer.once("error", () => {
          over("its answer broke off");
          outgoing.destroy();
        });
      });
      onward.once("error", (error) => {
        const words = masked(error.message, model.key || "\0");
        over(words);
        if (outgoing.headersSent) outgoing.destroy();
        else refuse(outgoing, 502, `${model.base.host} cannot be reached: ${words}`);
      });
      outgoing.once("close", () => {
        if (isOver) return;
        over("it was given up by whoever asked");
        onward.destroy();
      });
      onward.end(payload);

      function keep(chunk: Buffer): void {
        length += chunk.length;
        if (length <= longestAnswer) kept.push(chunk);
      }
    });
  }

  return {
    answer(incoming, outgoing) {
      outgoing.on("error", () => {});
      const work = answer(incoming, outgoing).catch((error: unknown) => {
        if (outgoing.headersSent) outgoing.destroy();
        else refuse(outgoing, 502, error instanceof Error ? error.message : String(error));
      });
      working.add(work);
      void work.finally(() => working.delete(work));
    },
    async close() {
      for (const each of open) each.destroy();
      await Promise.allSettled(working);
    },
  };
}

function minus(a: Spent, b: Spent): Spent {
  return { calls: a.calls - b.calls, tokens: a.tokens - b.tokens, dollars: a.dollars - b.dollars };
}

function streamTokens(wire: Wire, body: Buffer) {
  const reader = readStream(wire, false);
  reader.push(body);
  reader.end();
  return reader.tokens();
}

/** Whether to keep the count of tokens at the end of a stream from the client, which did not ask for it. */
function hides(wire: Wire, given: Body): boolean {
  return wire === "chat" && (given.stream_options as Body | undefined)?.include_usage !== true;
}

function carries({ headers }: IncomingMessage, token: string): boolean {
  return [headers.authorization, headers["x-api-key"], headers["api-key"]].some(
    (value) => typeof value === "string" && value.replace(/^Bearer /i, "") === token,
  );
}

/** Built from nothing: what a client sends besides could ask the provider for what is not granted. */
function headersFor(
  wire: Wire,
  { account: { model } }: Asked,
  incoming: IncomingMessage,
): Record<string, string> {
  const version = incoming.headers["anthropic-version"];
  const anthropic = wire === "messages" || wire === "count";
  return {
    "content-type": "application/json",
    // An answer that is packed could not be counted.
    "accept-encoding": "identity",
    "user-agent": "whetstone",
    ...(anthropic
      ? { "anthropic-version": typeof version === "string" ? version.slice(0, 40) : "2023-06-01" }
      : {}),
    ...(model.key === null
      ? {}
      : anthropic
        ? { "x-api-key": model.key }
        : { authorization: `Bearer ${model.key}` }),
  };
}

function retryHeaders({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    ["retry-after", "retry-after-ms"].flatMap((name) => {
      const value = headers[name];
      return typeof value === "string" ? [[name, value.slice(0, 100)]] : [];
    }),
  );
}

/** Clients of OpenAI and Anthropic find the message in the same place; neither is to try again. */
function refuse(outgoing: ServerResponse, status: number, message: string): void {
  if (outgoing.destroyed) return;
  outgoing.writeHead(status, {
    "content-type": "application/json",
    connection: "close",
    "x-should-retry": "false",
  });
  const kind = kinds[status] ?? "api_error";
  const words = `Whetstone: ${message}`;
  outgoing.end(
    JSON.stringify({ type: "error", error: { message: words, type: kind, code: "whetstone", param: null } }),
  );
}

/** Null: it is too long. */
async function bodyOf(incoming: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > longestRequest) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): Body | null {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Body) : null;
  } catch {
    return null;
  }
}

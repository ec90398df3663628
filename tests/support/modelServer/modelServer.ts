import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { chat } from "./chat.ts";
import { gemini } from "./gemini.ts";
import { messages } from "./messages.ts";
import { type Json, jsonOf, type Protocol } from "./protocol.ts";
import type { ModelRequest } from "./request.ts";
import { filler, resolve } from "./resolve.ts";
import { responses } from "./responses.ts";
import type { Script, Step } from "./script.ts";

export interface ModelServer {
  /** `http://127.0.0.1:port`; OpenAI's clients want `/v1` after it, Google's `/v1beta`. */
  url: string;
  /** Every request for an answer, in order of arrival, side calls included. */
  requests: ModelRequest[];
  close(): Promise<void>;
}

export interface ModelServerOptions {
  /** Which requests use up a step. Default: those that offer tools. */
  main?: (request: Omit<ModelRequest, "main">) => boolean;
  /** What `/models` lists. */
  models?: string[];
}

const protocols = [chat, responses, messages, gemini];
const plainUsage = { input: 100, output: 20 };

/**
 * A model on loopback that says what a script says, in the wire protocol in which it is asked: OpenAI chat completions
 * and Responses, Anthropic Messages, Gemini.
 */
export async function startModelServer(
  script: Script,
  { main = (request) => request.tools.length > 0, models = ["fake-model"] }: ModelServerOptions = {},
): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  let taken = 0;
  let answered = 0;

  const next = (request: ModelRequest): Step => {
    if (!request.main) return { text: request.wanted ? JSON.stringify(filler(request.wanted)) : "A title" };
    const index = taken++;
    return typeof script === "function" ? script(request, index) : (script[index] ?? { text: "Done." });
  };

  const server = createServer((incoming, outgoing) => {
    void handle(incoming, outgoing).catch(() => outgoing.destroy());
  });

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { pathname: path } = new URL(incoming.url ?? "/", "http://localhost");
    const body: Json = jsonOf(await bodyOf(incoming));
    if (incoming.method === "GET" && /\/models(\/[^/]+)?$/.test(path))
      return sendJson(outgoing, 200, modelList(models));
    if (path.endsWith("/count_tokens") || path.endsWith(":countTokens")) {
      const count = Math.ceil(JSON.stringify(body).length / 4);
      return sendJson(outgoing, 200, { input_tokens: count, totalTokens: count });
    }
    if (path.endsWith("/embeddings")) return sendJson(outgoing, 200, embeddings(body));
    const protocol = protocols.find((each) => each.matches(path));
    if (!protocol || incoming.method !== "POST")
      return sendJson(outgoing, 404, { error: { message: `nothing at ${incoming.method} ${path}` } });

    const parsed = {
      at: Date.now(),
      path,
      headers: incoming.headers as Record<string, string>,
      body,
      ...protocol.parse(body, path),
    };
    const request: ModelRequest = { ...parsed, main: main(parsed) };
    requests.push(request);
    await answer(protocol, request, next(request), outgoing);
  }

  async function answer(
    protocol: Protocol,
    request: ModelRequest,
    step: Step,
    outgoing: ServerResponse,
  ): Promise<void> {
    if (step.delayMs !== undefined) await sleep(step.delayMs);
    if (step.hang) return;
    if (step.status !== undefined && step.cut !== "error") {
      if (step.retryAfter !== undefined && request.protocol !== "gemini")
        outgoing.setHeader("retry-after", String(step.retryAfter));
      return sendJson(outgoing, step.status, protocol.failure(step.status, step));
    }
    let calls: ReturnType<typeof resolve>[];
    try {
      calls = (step.tools ?? []).map((call) => resolve(call, request.tools));
    } catch (error) {
      return sendJson(outgoing, 400, protocol.failure(400, { message: (error as Error).message }));
    }
    const reply = {
      id: ++answered,
      model: request.model,
      text: step.text ?? "",
      calls,
      usage: step.usage === undefined ? plainUsage : step.usage,
      truncated: step.truncated ?? false,
    };
    const parts = request.stream ? protocol.stream(reply) : halves(JSON.stringify(protocol.whole(reply)));
    outgoing.writeHead(200, {
      "content-type": request.stream ? "text/event-stream; charset=utf-8" : "application/json",
      "cache-control": "no-cache",
    });
    const sent = step.cut === undefined ? parts : parts.slice(0, Math.max(1, Math.floor(parts.length / 2)));
    for (const part of sent) {
      outgoing.write(part);
      if (step.paceMs !== undefined) await sleep(step.paceMs);
    }
    if (step.cut === "error") outgoing.write(protocol.streamFailure(step.status ?? 500, step));
    if (step.cut === undefined || step.cut === "end" || step.cut === "error") outgoing.end();
    // What was written must have left before the connection breaks.
    else if (step.cut === true) setTimeout(() => outgoing.destroy(), 20);
  }

  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/** A vector for each text: how long it is, and one that is the same for all. OpenAI's form. */
function embeddings({ input, model }: Json): Json {
  const texts: unknown[] = Array.isArray(input) ? input : [input];
  return {
    object: "list",
    data: texts.map((text, index) => ({ object: "embedding", index, embedding: [String(text).length, 1] })),
    model,
    usage: { prompt_tokens: 7, total_tokens: 7 },
  };
}

function halves(text: string): string[] {
  const middle = Math.floor(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)];
}

/** In the forms of OpenAI and Anthropic (`data`) and of Google (`models`). */
function modelList(models: string[]): Json {
  return {
    object: "list",
    data: models.map((id) => ({
      id,
      object: "model",
      type: "model",
      display_name: id,
      created: 0,
      created_at: "2026-01-01T00:00:00Z",
      owned_by: "tests",
    })),
    has_more: false,
    models: models.map((id) => ({
      name: `models/${id}`,
      supportedGenerationMethods: ["generateContent", "countTokens"],
    })),
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function sendJson(outgoing: ServerResponse, status: number, body: Json): void {
  outgoing.writeHead(status, { "content-type": "application/json" });
  outgoing.end(JSON.stringify(body));
}

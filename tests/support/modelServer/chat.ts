import { event, type Json, jsonOf, type Protocol, pieces, type Reply, textOf } from "./protocol.ts";
import type { Message } from "./request.ts";
import type { Tokens } from "./script.ts";

/** OpenAI's chat completions, as spoken by most local servers too. */
export const chat: Protocol = {
  matches: (path) => path.endsWith("/chat/completions"),

  parse: (body) => ({
    protocol: "chat",
    model: String(body.model),
    stream: body.stream === true,
    system: (body.messages ?? [])
      .filter(isSystem)
      .map((message: Json) => textOf(message.content))
      .join("\n"),
    messages: (body.messages ?? []).filter((message: Json) => !isSystem(message)).map(message),
    tools: (body.tools ?? []).map((tool: Json) => ({
      name: tool.function.name,
      schema: tool.function.parameters ?? {},
    })),
    maxOutput: body.max_completion_tokens ?? body.max_tokens ?? null,
  }),

  stream(reply) {
    const chunk = (choices: Json[], usage?: Json) =>
      event(null, { ...head(reply), object: "chat.completion.chunk", choices, ...(usage ? { usage } : {}) });
    const delta = (content: Json, finish: string | null = null) =>
      chunk([{ index: 0, delta: content, finish_reason: finish }]);
    return [
      delta({ role: "assistant", content: "" }),
      ...pieces(reply.text).map((content) => delta({ content })),
      ...calls(reply).flatMap((call: Json, index: number) => [
        delta({ tool_calls: [{ index, ...call, function: { ...call.function, arguments: "" } }] }),
        ...pieces(call.function.arguments).map((part) =>
          delta({ tool_calls: [{ index, function: { arguments: part } }] }),
        ),
      ]),
      delta({}, finish(reply)),
      ...(reply.usage ? [chunk([], tokens(reply.usage))] : []),
      event(null, "[DONE]"),
    ];
  },

  whole: (reply) => ({
    ...head(reply),
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: reply.text,
          ...(reply.calls.length > 0 ? { tool_calls: calls(reply) } : {}),
        },
        finish_reason: finish(reply),
      },
    ],
    ...(reply.usage ? { usage: tokens(reply.usage) } : {}),
  }),

  streamFailure: (status, step) => event(null, chat.failure(status, step)),

  failure: (status, step) => ({
    error: {
      message: step.message ?? `scripted ${status}`,
      type: status === 401 ? "invalid_request_error" : status === 429 ? "rate_limit_error" : "server_error",
      param: null,
      code: step.code ?? (status === 401 ? "invalid_api_key" : null),
    },
  }),
};

function head(reply: Reply): Json {
  return {
    id: `chatcmpl-${reply.id}`,
    created: Math.floor(Date.now() / 1000),
    model: reply.model,
  };
}

function calls(reply: Reply): Json[] {
  return reply.calls.map((call, index) => ({
    id: `call_${reply.id}_${index}`,
    type: "function",
    function: { name: call.name, arguments: JSON.stringify(call.args) },
  }));
}

function finish(reply: Reply): string {
  return reply.truncated ? "length" : reply.calls.length > 0 ? "tool_calls" : "stop";
}

function tokens(usage: Tokens): Json {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached ?? 0 },
  };
}

function isSystem(message: Json): boolean {
  return message.role === "system" || message.role === "developer";
}

function message(raw: Json): Message {
  if (raw.role === "tool")
    return {
      role: "tool",
      text: "",
      calls: [],
      results: [{ id: raw.tool_call_id, text: textOf(raw.content) }],
    };
  return {
    role: raw.role === "assistant" ? "assistant" : "user",
    text: textOf(raw.content),
    calls: (raw.tool_calls ?? []).map((call: Json) => ({
      id: call.id,
      name: call.function.name,
      args: jsonOf(call.function.arguments),
    })),
    results: [],
  };
}

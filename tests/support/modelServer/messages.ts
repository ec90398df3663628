import { event, type Json, type Protocol, pieces, type Reply, textOf } from "./protocol.ts";
import type { Message } from "./request.ts";

/** Anthropic's Messages. */
export const messages: Protocol = {
  matches: (path) => path.endsWith("/messages"),

  parse: (body) => ({
    protocol: "messages",
    model: String(body.model),
    stream: body.stream === true,
    system: textOf(body.system),
    messages: (body.messages ?? []).map(message),
    tools: (body.tools ?? []).map((tool: Json) => ({ name: tool.name, schema: tool.input_schema ?? {} })),
    maxOutput: body.max_tokens ?? null,
  }),

  stream(reply) {
    const send = (type: string, data: Json) => event(type, { type, ...data });
    const whole = messages.whole(reply);
    return [
      send("message_start", {
        message: {
          ...whole,
          content: [],
          stop_reason: null,
          ...(whole.usage ? { usage: { ...whole.usage, output_tokens: 1 } } : {}),
        },
      }),
      ...whole.content.flatMap((block: Json, index: number) => [
        send("content_block_start", {
          index,
          content_block: block.type === "text" ? { ...block, text: "" } : { ...block, input: {} },
        }),
        ...(block.type === "text"
          ? pieces(block.text).map((text) => ({ type: "text_delta", text }))
          : pieces(JSON.stringify(block.input)).map((partial_json) => ({
              type: "input_json_delta",
              partial_json,
            }))
        ).map((delta) => send("content_block_delta", { index, delta })),
        send("content_block_stop", { index }),
      ]),
      send("message_delta", {
        delta: { stop_reason: whole.stop_reason, stop_sequence: null },
        ...(whole.usage ? { usage: whole.usage } : {}),
      }),
      send("message_stop", {}),
    ];
  },

  whole: (reply) => ({
    id: `msg_${reply.id}`,
    type: "message",
    role: "assistant",
    model: reply.model,
    content: content(reply),
    stop_reason: reply.truncated ? "max_tokens" : reply.calls.length > 0 ? "tool_use" : "end_turn",
    stop_sequence: null,
    ...(reply.usage
      ? {
          usage: {
            input_tokens: reply.usage.input - (reply.usage.cached ?? 0),
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: reply.usage.cached ?? 0,
            output_tokens: reply.usage.output,
          },
        }
      : {}),
  }),

  streamFailure: (status, step) => event("error", messages.failure(status, step)),

  failure: (status, step) => ({
    type: "error",
    error: {
      type: step.code ?? errors[status] ?? "api_error",
      message: step.message ?? `scripted ${status}`,
    },
    request_id: "req_scripted",
  }),
};

const errors: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  429: "rate_limit_error",
  529: "overloaded_error",
};

function content(reply: Reply): Json[] {
  return [
    ...(reply.text === "" ? [] : [{ type: "text", text: reply.text }]),
    ...reply.calls.map((call, index) => ({
      type: "tool_use",
      id: `toolu_${reply.id}_${index}`,
      name: call.name,
      input: call.args,
    })),
  ];
}

function message(raw: Json): Message {
  const blocks: Json[] =
    typeof raw.content === "string" ? [{ type: "text", text: raw.content }] : raw.content;
  const results = blocks
    .filter((block) => block.type === "tool_result")
    .map((block) => ({ id: block.tool_use_id, text: textOf(block.content) }));
  return {
    role: raw.role === "assistant" ? "assistant" : results.length > 0 ? "tool" : "user",
    text: textOf(blocks.filter((block) => block.type === "text")),
    calls: blocks
      .filter((block) => block.type === "tool_use")
      .map((block) => ({ id: block.id, name: block.name, args: block.input })),
    results,
  };
}

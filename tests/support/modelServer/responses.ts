import { event, type Json, jsonOf, type Protocol, pieces, type Reply, textOf } from "./protocol.ts";
import type { Message, OfferedTool } from "./request.ts";

/** OpenAI's Responses. */
export const responses: Protocol = {
  matches: (path) => path.endsWith("/responses"),

  parse(body) {
    const items: Json[] =
      typeof body.input === "string" ? [{ role: "user", content: body.input }] : (body.input ?? []);
    return {
      protocol: "responses",
      model: String(body.model),
      stream: body.stream === true,
      system: [body.instructions ?? "", ...items.filter(isSystem).map((item) => textOf(item.content))]
        .filter((text) => text !== "")
        .join("\n"),
      messages: items.filter((item) => !isSystem(item)).flatMap(message),
      tools: [
        ...(body.tools ?? []),
        ...items.flatMap((item) => (item.type === "additional_tools" ? item.tools : [])),
      ].flatMap(offered),
      maxOutput: body.max_output_tokens ?? null,
    };
  },

  stream(reply) {
    let sequence = 0;
    const send = (type: string, data: Json) => event(type, { type, sequence_number: sequence++, ...data });
    const begun = {
      ...response(reply),
      status: "in_progress",
      output: [],
      usage: null,
      incomplete_details: null,
    };
    const items = output(reply);
    return [
      send("response.created", { response: begun }),
      send("response.in_progress", { response: begun }),
      ...items.flatMap((item, index) => [
        send("response.output_item.added", { output_index: index, item: emptied(item) }),
        ...middle(item, index, send),
        send("response.output_item.done", { output_index: index, item }),
      ]),
      send(reply.truncated ? "response.incomplete" : "response.completed", { response: response(reply) }),
    ];
  },

  whole: response,

  streamFailure: (status, step) =>
    event("error", { ...responses.failure(status, step).error, type: "error", sequence_number: 99 }),

  failure: (status, step) => ({
    error: {
      message: step.message ?? `scripted ${status}`,
      type: status === 401 ? "invalid_request_error" : status === 429 ? "rate_limit_error" : "server_error",
      param: null,
      code: step.code ?? (status === 401 ? "invalid_api_key" : null),
    },
  }),
};

type Send = (type: string, data: Json) => string;

function middle(item: Json, index: number, send: Send): string[] {
  const at = { item_id: item.id, output_index: index };
  if (item.type === "message") {
    const part = item.content[0];
    const inner = { ...at, content_index: 0 };
    return [
      send("response.content_part.added", { ...inner, part: { ...part, text: "" } }),
      ...pieces(part.text).map((delta) =>
        send("response.output_text.delta", { ...inner, delta, logprobs: [] }),
      ),
      send("response.output_text.done", { ...inner, text: part.text, logprobs: [] }),
      send("response.content_part.done", { ...inner, part }),
    ];
  }
  if (item.type === "custom_tool_call")
    return [
      ...pieces(item.input).map((delta) => send("response.custom_tool_call_input.delta", { ...at, delta })),
      send("response.custom_tool_call_input.done", { ...at, input: item.input }),
    ];
  return [
    ...pieces(item.arguments).map((delta) =>
      send("response.function_call_arguments.delta", { ...at, delta }),
    ),
    send("response.function_call_arguments.done", { ...at, arguments: item.arguments, name: item.name }),
  ];
}

function output(reply: Reply): Json[] {
  const status = "completed";
  const words = {
    id: `msg_${reply.id}`,
    type: "message",
    role: "assistant",
    status,
    content: [{ type: "output_text", text: reply.text, annotations: [], logprobs: [] }],
  };
  const calls = reply.calls.map((call, index) => {
    const common = {
      ...{ name: call.name, call_id: `call_${reply.id}_${index}`, status },
      ...(call.namespace === undefined ? {} : { namespace: call.namespace }),
    };
    if (call.input !== undefined)
      return { id: `ctc_${reply.id}_${index}`, type: "custom_tool_call", ...common, input: call.input };
    return {
      id: `fc_${reply.id}_${index}`,
      type: "function_call",
      ...common,
      arguments: JSON.stringify(call.args),
    };
  });
  return [...(reply.text === "" && calls.length > 0 ? [] : [words]), ...calls];
}

function emptied(item: Json): Json {
  if (item.type === "message") return { ...item, status: "in_progress", content: [] };
  if (item.type === "custom_tool_call") return { ...item, status: "in_progress", input: "" };
  return { ...item, status: "in_progress", arguments: "" };
}

function response(reply: Reply): Json {
  const { usage } = reply;
  return {
    id: `resp_${reply.id}`,
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    status: reply.truncated ? "incomplete" : "completed",
    error: null,
    incomplete_details: reply.truncated ? { reason: "max_output_tokens" } : null,
    instructions: null,
    metadata: {},
    model: reply.model,
    output: output(reply),
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    usage: usage && {
      input_tokens: usage.input,
      input_tokens_details: { cached_tokens: usage.cached ?? 0 },
      output_tokens: usage.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.input + usage.output,
    },
  };
}

function offered(tool: Json): OfferedTool[] {
  if (tool.type === "namespace")
    return (tool.tools ?? []).flatMap(offered).map((inner: OfferedTool) => ({
      ...inner,
      namespace: tool.name,
    }));
  if (tool.type === "custom") {
    const nested = [...String(tool.description).matchAll(/^declare const tools: \{ (\w+)\(/gm)];
    return [
      {
        name: tool.name,
        schema: null,
        ...(nested.length > 0 ? { nested: nested.map(([, name]) => name as string) } : {}),
      },
    ];
  }
  if (tool.type === "function") return [{ name: tool.name, schema: tool.parameters ?? {} }];
  return [];
}

function isSystem(item: Json): boolean {
  return item.role === "system" || item.role === "developer";
}

function message(item: Json): Message[] {
  if (item.type === "function_call" || item.type === "custom_tool_call") {
    const args = item.type === "function_call" ? jsonOf(item.arguments) : item.input;
    return [
      { role: "assistant", text: "", calls: [{ id: item.call_id, name: item.name, args }], results: [] },
    ];
  }
  if (item.type === "function_call_output" || item.type === "custom_tool_call_output")
    return [
      { role: "tool", text: "", calls: [], results: [{ id: item.call_id, text: textOf(item.output) }] },
    ];
  if (item.role !== "user" && item.role !== "assistant") return [];
  return [{ role: item.role, text: textOf(item.content), calls: [], results: [] }];
}

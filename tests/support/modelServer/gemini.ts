import { event, type Json, type Protocol, pieces, type Reply, textOf } from "./protocol.ts";
import type { JsonSchema, Message } from "./request.ts";

/** Google's Gemini. */
export const gemini: Protocol = {
  matches: (path) => /:(stream)?[gG]enerateContent$/.test(path),

  parse: (body, path) => ({
    protocol: "gemini",
    model: /models\/([^:]+):/.exec(path)?.[1] ?? "",
    stream: path.endsWith(":streamGenerateContent"),
    system: textOf((body.systemInstruction ?? body.system_instruction)?.parts),
    messages: (body.contents ?? []).map(message),
    tools: (body.tools ?? []).flatMap((tool: Json) =>
      (tool.functionDeclarations ?? []).map((each: Json) => ({
        name: each.name,
        schema: lowered(each.parametersJsonSchema ?? each.parameters ?? {}),
      })),
    ),
    ...(body.generationConfig?.responseJsonSchema
      ? { wanted: lowered(body.generationConfig.responseJsonSchema) }
      : {}),
    maxOutput: body.generationConfig?.maxOutputTokens ?? null,
  }),

  stream(reply) {
    const words = pieces(reply.text).map((text) => ({ text }));
    return [
      ...words.map((part) => event(null, part_(reply, [part]))),
      event(null, { ...part_(reply, calls(reply), finish(reply)), ...usage(reply) }),
    ];
  },

  whole: (reply) => ({
    ...part_(reply, [...(reply.text === "" ? [] : [{ text: reply.text }]), ...calls(reply)], finish(reply)),
    ...usage(reply),
  }),

  streamFailure: (status, step) => event(null, gemini.failure(status, step)),

  failure: (status, step) => ({
    error: {
      code: status,
      message: step.message ?? `scripted ${status}`,
      status: step.code ?? errors[status] ?? "INTERNAL",
      details:
        step.retryAfter === undefined
          ? []
          : [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${step.retryAfter}s` }],
    },
  }),
};

const errors: Record<number, string> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
};

function part_(reply: Reply, parts: Json[], finishReason?: string): Json {
  return {
    candidates: [
      {
        content: { role: "model", parts },
        index: 0,
        ...(finishReason === undefined ? {} : { finishReason }),
      },
    ],
    modelVersion: reply.model,
    responseId: `response-${reply.id}`,
  };
}

function calls(reply: Reply): Json[] {
  return reply.calls.map((call) => ({ functionCall: { name: call.name, args: call.args } }));
}

function finish(reply: Reply): string {
  return reply.truncated ? "MAX_TOKENS" : "STOP";
}

function usage(reply: Reply): Json {
  if (!reply.usage) return {};
  const { input, output, cached } = reply.usage;
  return {
    usageMetadata: {
      promptTokenCount: input,
      candidatesTokenCount: output,
      totalTokenCount: input + output,
      ...(cached === undefined ? {} : { cachedContentTokenCount: cached }),
    },
  };
}

/** Gemini's own schemas write their types in capitals. */
function lowered(schema: Json): JsonSchema {
  if (Array.isArray(schema)) return schema.map(lowered) as Json;
  if (schema === null || typeof schema !== "object") return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === "type" && typeof value === "string" ? value.toLowerCase() : lowered(value),
    ]),
  );
}

function message(raw: Json): Message {
  const parts: Json[] = raw.parts ?? [];
  const results = parts
    .filter((part) => part.functionResponse)
    .map(({ functionResponse }) => ({
      id: functionResponse.id ?? functionResponse.name,
      text: JSON.stringify(functionResponse.response),
    }));
  return {
    role: raw.role === "model" ? "assistant" : results.length > 0 ? "tool" : "user",
    text: textOf(parts),
    calls: parts
      .filter((part) => part.functionCall)
      .map(({ functionCall }) => ({
        id: functionCall.id ?? functionCall.name,
        name: functionCall.name,
        args: functionCall.args,
      })),
    results,
  };
}

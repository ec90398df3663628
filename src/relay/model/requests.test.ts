import { expect, it } from "vitest";
import { bounded, cleaned, mostOutput } from "./requests.ts";

const chat = { messages: [{ role: "user", content: "how good is it?" }] };

it.each([
  ["names of further models", { models: ["other/dear"] }, "names models that are not granted"],
  ["another route", { route: "fallback" }, "another model"],
  ["a plugin", { plugins: [{ id: "web" }] }, "reach out"],
  ["another provider", { provider: { order: ["x"] } }, "another provider"],
  [
    "a field that nobody here knows",
    { extra_body: { models: [] } },
    "`extra_body` is not known to ask the granted model",
  ],
  ["a conversation that is kept", { conversation: "c1" }, "keeps"],
  ["an answer that is kept", { store: true }, "not kept"],
])("a request with %s does not go through", (_name, more, why) => {
  const found = cleaned("chat", { ...chat, ...more }, "judge", undefined);
  expect("refusal" in found && found.refusal).toContain(why);
});

it("an ordinary request goes to the granted model alone, at the granted temperature", () => {
  const found = cleaned("chat", { ...chat, model: "default", temperature: 2, max_tokens: 9 }, "judge", 0);
  expect(found).toEqual({ body: { ...chat, model: "judge", temperature: 0, max_tokens: 9 } });
});

it("a client's own tools go through, the provider's do not", () => {
  const own = { tools: [{ type: "function", function: { name: "f" } }] };
  expect("body" in cleaned("chat", { ...chat, ...own }, "judge", undefined)).toBe(true);
  const search = { tools: [{ type: "web_search" }] };
  expect("refusal" in cleaned("responses", { input: "x", ...search }, "judge", undefined)).toBe(true);
});

it.each([
  [{ max_tokens: 10, max_completion_tokens: 90 }, 90],
  [{ max_tokens: 10, n: 3 }, 30],
  [{ max_tokens: -5 }, null],
  [{ max_tokens: Number.POSITIVE_INFINITY }, null],
  [{}, null],
])("the longest answer that %j allows is counted as %s tokens", (body, tokens) => {
  expect(mostOutput(body)).toBe(tokens);
});

const room = { own: 1000, all: 1000, surely: 2048, field: "max_tokens" };

it.each([
  ["chat", {}, room, { max_tokens: 1000 }],
  ["chat", {}, { ...room, field: "max_completion_tokens" }, { max_completion_tokens: 1000 }],
  ["chat", { n: 4 }, room, { n: 4, max_tokens: 250 }],
  [
    "chat",
    { max_tokens: 64_000, max_completion_tokens: 9 },
    room,
    { max_tokens: 1000, max_completion_tokens: 9 },
  ],
  ["responses", {}, room, { max_output_tokens: 1000 }],
  ["messages", { max_tokens: 64_000 }, room, { max_tokens: 1000 }],
] as const)("an answer at %s with %j has no more tokens than are left", (wire, body, left, expected) => {
  expect(bounded(wire, body, left)).toEqual({ body: expected, bound: 1000 });
});

it.each([
  ["asks for less than is left", "messages", { max_tokens: 900 }, room],
  ["has no limit", "chat", { max_tokens: 64_000 }, { ...room, own: Number.POSITIVE_INFINITY }],
  ["does not say, where more is left than any server takes for a length", "chat", {}, { ...room, all: 5000 }],
  ["finds hardly anything left", "chat", {}, { ...room, all: 3 }],
  ["has no answer of its own length", "embeddings", {}, room],
] as const)("a request that %s goes on as it is", (_name, wire, body, left) => {
  expect(bounded(wire, body, left)).toEqual({ body, bound: null });
});

import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, type LanguageModel, streamText, type ToolSet, tool } from "ai";
import { afterEach, describe, expect, it } from "vitest";
import { type ModelServer, type Script, startModelServer } from "./index.ts";

let server: ModelServer;
afterEach(() => server.close());

const apiKey = "test-key";
const clients: Record<string, (url: string) => LanguageModel> = {
  chat: (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat("fake-model"),
  responses: (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).responses("fake-model"),
  messages: (url) => createAnthropic({ baseURL: `${url}/v1`, apiKey })("fake-model"),
  gemini: (url) => createGoogle({ baseURL: `${url}/v1beta`, apiKey })("fake-model"),
};

const given = {
  file_path: "a.ts",
  old_string: "rate = 1",
  new_string: "rate = 2",
  instruction: "as scripted",
};

const edit: ToolSet[string] = tool({
  inputSchema: jsonSchema<typeof given>({
    type: "object",
    properties: {
      file_path: { type: "string" },
      old_string: { type: "string" },
      new_string: { type: "string" },
      instruction: { type: "string" },
    },
    required: ["file_path", "old_string", "new_string", "instruction"],
  }),
});

const script: Script = [
  {
    text: "I edit the rate.",
    tools: [{ op: "edit", path: "a.ts", old: "rate = 1", new: "rate = 2" }],
    usage: { input: 70, output: 11, cached: 30 },
  },
];
const prompt = "Begin.";
const once = { maxRetries: 0, maxOutputTokens: 500 };

describe.each(Object.entries(clients))("the scripted model over %s", (name, client) => {
  it("answers a streaming client with text, tool calls and usage", async () => {
    server = await startModelServer(script);
    const result = streamText({ model: client(server.url), prompt, tools: { edit }, ...once });
    expect(await result.text).toBe("I edit the rate.");
    expect(await result.toolCalls).toMatchObject([{ toolName: "edit", input: given }]);
    expect(await result.usage).toMatchObject({
      inputTokens: 70,
      outputTokens: 11,
      inputTokenDetails: { cacheReadTokens: 30 },
    });
    expect(server.requests).toMatchObject([
      { protocol: name, model: "fake-model", stream: true, messages: [{ role: "user", text: prompt }] },
    ]);
    expect(JSON.stringify(server.requests[0]?.headers)).toContain(apiKey);
  });

  it("answers in one piece, shows the script what tools gave back, and says Done after the last step", async () => {
    server = await startModelServer(script);
    const model = client(server.url);
    const first = await generateText({
      model,
      system: "Be brief.",
      prompt,
      tools: { edit },
      ...once,
    });
    const [call] = first.toolCalls;
    if (!call) throw new Error("no call");
    const second = await generateText({
      model,
      tools: { edit },
      ...once,
      messages: [
        { role: "user", content: prompt },
        ...first.response.messages,
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              toolCallId: call.toolCallId,
              toolName: "edit",
              output: { type: "text", value: "edited" },
            },
          ],
        },
      ],
    });
    expect(second.text).toBe("Done.");
    expect(server.requests[0]?.system).toBe("Be brief.");
    const said = server.requests[1]?.messages.flatMap(({ calls }) => calls);
    expect(said).toMatchObject([{ name: "edit", args: given }]);
    expect(JSON.stringify(server.requests[1]?.messages.flatMap(({ results }) => results))).toContain(
      "edited",
    );
  });

  it("answers calls without tools plainly and keeps its place in the script", async () => {
    server = await startModelServer(script);
    const model = client(server.url);
    expect((await generateText({ model, prompt: "A title, please.", ...once })).text).toBe("A title");
    expect((await generateText({ model, prompt, tools: { edit }, ...once })).text).toBe("I edit the rate.");
    expect(server.requests.map(({ main }) => main)).toEqual([false, true]);
  });

  it("fails as told: status, broken connection, silence", async () => {
    server = await startModelServer(
      [
        { status: 429, retryAfter: 7 },
        { text: "never whole", cut: true },
        { text: "never whole", cut: "stall" },
        { hang: true },
      ],
      { main: () => true },
    );
    const model = client(server.url);
    await expect(generateText({ model, prompt, ...once })).rejects.toMatchObject({ statusCode: 429 });
    await expect(generateText({ model, prompt, ...once })).rejects.toThrow();
    for (const _ of ["stall", "hang"])
      await expect(
        generateText({ model, prompt, ...once, abortSignal: AbortSignal.timeout(100) }),
      ).rejects.toThrow(/abort|timeout/i);
  });

  it("refuses with the tools offered when the script cannot be carried out", async () => {
    server = await startModelServer([{ tools: [{ op: "shell", command: "ls" }] }]);
    await expect(
      generateText({ model: client(server.url), prompt, tools: { edit }, ...once }),
    ).rejects.toThrow('The script needs a tool for "shell"; the request offers: edit.');
  });
});

import type { TraceEvent } from "../../trace.ts";
import type { TurnEnding } from "../agent.ts";
import type { Preset, Reader } from "./preset.ts";
import { homeOf, keyFor, loginFrom, withKey } from "./providers.ts";
import { signOf } from "./signs.ts";
import { asText, type Fields, fields, moment, number, parseObject, string } from "./values.ts";

/** Google's Gemini CLI. */
export const gemini: Preset = {
  name: "gemini",
  program: { name: "gemini", install: "install the Gemini CLI: npm install -g @google/gemini-cli" },
  reports: { tokens: true, dollars: false },

  connect(env) {
    return (
      withKey(keyFor("google", env)) ??
      loginFrom(
        `${env.GEMINI_CLI_HOME ?? homeOf(env)}/.gemini/oauth_creds.json`,
        ".gemini/oauth_creds.json",
        ["cloudcode-pa.googleapis.com", "oauth2.googleapis.com", "www.googleapis.com", "accounts.google.com"],
      ) ?? { kind: "none", message: "set GEMINI_API_KEY, or log in once with `gemini`" }
    );
  },

  plan({ providers: [provider], home, model, confined, mcp }) {
    const settings = {
      security: {
        auth: { selectedType: provider ? "gemini-api-key" : "oauth-personal" },
      },
      general: { maxAttempts: 2, enableAutoUpdate: false, enableAutoUpdateNotification: false },
      privacy: { usageStatisticsEnabled: false },
      // It would ask before it reads a skill, and without a person it does not even offer that.
      tools: { allowed: ["activate_skill"] },
      ...(mcp
        ? {
            mcpServers: {
              [mcp.name]: {
                httpUrl: mcp.url,
                headers: { Authorization: `Bearer ${mcp.token}` },
                trust: true,
              },
            },
          }
        : {}),
    };
    return {
      args: [
        ...["-o", "stream-json"],
        ...(model === undefined ? [] : ["-m", model]),
        ...["--approval-mode", confined ? "yolo" : "auto_edit"],
      ],
      env: {
        GEMINI_CLI_HOME: home,
        GEMINI_CLI_TRUST_WORKSPACE: "true",
        // It would start itself a second time, only for a larger heap.
        GEMINI_CLI_NO_RELAUNCH: "true",
        ...(provider ? { GOOGLE_GEMINI_BASE_URL: provider.base, GEMINI_API_KEY: provider.token } : {}),
      },
      files: { ".gemini/settings.json": JSON.stringify(settings) },
    };
  },

  reader: readGemini,
};

function readGemini(): Reader {
  const begun = new Map<string, number | null>();
  let parts: string[] = [];
  let text = "";
  let sign: TurnEnding | null = null;

  /** Messages come in pieces; one is whole when something else follows. */
  function whole(at: number): TraceEvent[] {
    if (parts.length === 0) return [];
    text = parts.join("");
    parts = [];
    return [{ at, type: "message", role: "assistant", text }];
  }

  function toolResult(event: Fields, at: number): TraceEvent {
    const id = string(event.tool_id) ?? "";
    const [start, end] = [begun.get(id) ?? null, moment(event.timestamp)];
    const ms = start === null || end === null ? null : Math.max(0, end - start);
    const ok = event.status === "success";
    return {
      ...{ at, type: "result", id, ok, output: asText(event.output) },
      error: ok ? null : (string(fields(event.error).message) ?? asText(event.output)),
      // A command that fails is a success to it, and it does not say the code.
      exitCode: null,
      ms,
      msFrom: ms === null ? null : "agent",
    };
  }

  function result(event: Fields, at: number): TraceEvent[] {
    const stats = fields(event.stats);
    const ok = event.status === "success";
    const reason = ok ? null : (string(fields(event.error).message) ?? string(event.status));
    if (!ok)
      sign = /turn/i.test(string(fields(event.error).type) ?? "") ? "limit" : signOf(null, reason ?? "");
    return [
      {
        ...{ at, type: "usage", scope: "total" },
        input: number(stats.input_tokens),
        output: number(stats.output_tokens),
        cached: number(stats.cached),
        dollars: null,
      },
      { at, type: "final", ok, text: ok ? text : "", reason },
    ];
  }

  return {
    read(line, at) {
      const event = parseObject(line);
      if (!event) return null;
      if (event.type === "message" && event.role === "assistant" && event.delta === true) {
        parts.push(string(event.content) ?? "");
        return [];
      }
      const events = whole(at);
      switch (event.type) {
        case "init":
          events.push({
            ...{ at, type: "begin", agent: "gemini", version: null },
            model: string(event.model),
            session: string(event.session_id),
          });
          break;
        case "message":
          if (event.role === "assistant") {
            parts.push(string(event.content) ?? "");
            events.push(...whole(at));
          }
          break;
        case "tool_use": {
          const id = string(event.tool_id) ?? "";
          begun.set(id, moment(event.timestamp));
          events.push({
            at,
            type: "call",
            id,
            tool: string(event.tool_name) ?? "",
            args: asText(event.parameters),
          });
          break;
        }
        case "tool_result":
          if (fields(event.error).type === "policy_violation")
            events.push({
              at,
              type: "denied",
              tool: null,
              reason: string(fields(event.error).message) ?? "",
            });
          events.push(toolResult(event, at));
          break;
        case "error":
          events.push({ at, type: "note", text: string(event.message) ?? "" });
          break;
        case "result":
          events.push(...result(event, at));
          break;
      }
      return events;
    },
    end: whole,
    get text() {
      return text;
    },
    get sign() {
      return sign;
    },
  };
}

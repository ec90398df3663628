import { describe, expect, it } from "vitest";
import { familyOf, kinshipWarnings, otherJudge } from "./kinship.ts";

describe("who judges whom", () => {
  it("knows families by the names of models, coding agents by what they use", () => {
    expect(
      ["anthropic/claude-x", "openrouter/anthropic/claude-x", "openai/o3", "mine/thing"].map(familyOf),
    ).toEqual(["claude", "claude", "gpt", "mine"]);
    expect(kinshipWarnings("anthropic/claude-x", [{ name: "claude", model: null }])).toHaveLength(1);
    expect(kinshipWarnings("openai/gpt-x", [{ name: "claude", model: null }])).toEqual([]);
    expect(kinshipWarnings("openai/gpt-x", [{ name: "claude", model: "openai/gpt-y" }])).toHaveLength(1);
    expect(kinshipWarnings("openai/gpt-x", [{ name: "command: ./mine", model: null }])).toEqual([]);
  });

  it("takes nobody of the workers' kin, what the goal names before what the environment has", () => {
    const env = { ANTHROPIC_API_KEY: "a", OPENAI_API_KEY: "b", GEMINI_API_KEY: " " };
    const claude = { name: "claude", model: null };
    const codex = { name: "codex", model: null };
    expect(otherJudge([claude], ["anthropic/claude-x", undefined], env)).toMatch(/^openai\//);
    expect(otherJudge([claude], ["local/llama-4"], env)).toBe("local/llama-4");
    expect(otherJudge([claude, codex], [null], env)).toBeNull();
    expect(otherJudge([], [], {})).toBeNull();
  });
});

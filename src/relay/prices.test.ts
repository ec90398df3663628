import { expect, it } from "vitest";
import { dollarsOf, prices } from "./prices.ts";

const million = { input: 1e6, output: 1e6, cached: null };

it("adds up what tokens cost, cached ones at their own price", () => {
  expect(dollarsOf("anthropic/claude-opus-5", million)).toBe(30);
  expect(dollarsOf("anthropic/claude-opus-5", { ...million, cached: 1e6 })).toBe(25.5);
  expect(dollarsOf("anthropic/claude-haiku-4-5-20251001", million)).toBe(6);
  expect(dollarsOf("openai/gpt-5-2025-08-07", million)).toBe(11.25);
});

it("does not know what is not in the table, nor what unknown tokens cost, nor prices of longer prompts", () => {
  expect(dollarsOf("anthropic/claude-nobody", million)).toBeNull();
  expect(dollarsOf("claude-opus-5", million)).toBeNull();
  expect(dollarsOf("anthropic/claude-opus-5", { ...million, output: null })).toBeNull();
  expect(dollarsOf("google/gemini-2.5-pro", { input: 200_000, output: 0, cached: 0 })).toBe(0.25);
  expect(dollarsOf("google/gemini-2.5-pro", { input: 200_001, output: 0, cached: 0 })).toBeNull();
});

it("is a dated table in which a cached token never costs more than a fresh one", () => {
  expect(prices.asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  for (const [model, { input, output, cached }] of Object.entries(prices.perMillion)) {
    expect(model).toMatch(/^(anthropic|openai|google)\//);
    expect(cached > 0 && cached <= input && input <= output, model).toBe(true);
  }
});

/** Tokens that were read (cached ones included), written, and read from the provider's cache; null is unknown. */
export interface Tokens {
  input: number | null;
  output: number | null;
  cached: number | null;
}

/** US dollars per million tokens. */
interface Price {
  input: number;
  output: number;
  /** Input tokens that came from the provider's cache. */
  cached: number;
  /** Above so many input tokens another price holds, which is not in the table. */
  upTo?: number;
}

/**
 * List prices without batch, priority or regional terms. Source: the providers' public price lists as collected in the
 * model catalogue of @earendil-works/pi-ai 0.87.1, published on that day.
 */
export const prices: { asOf: string; perMillion: Record<string, Price> } = {
  asOf: "2026-09-22",
  perMillion: {
    "anthropic/claude-fable-5": { input: 10, output: 50, cached: 1 },
    "anthropic/claude-fable-5-1": { input: 10, output: 50, cached: 0.25 },
    "anthropic/claude-opus-4-5": { input: 5, output: 25, cached: 0.5 },
    "anthropic/claude-opus-4-6": { input: 5, output: 25, cached: 0.5 },
    "anthropic/claude-opus-4-7": { input: 5, output: 25, cached: 0.5 },
    "anthropic/claude-opus-4-8": { input: 5, output: 25, cached: 0.5 },
    "anthropic/claude-opus-5": { input: 5, output: 25, cached: 0.5 },
    "anthropic/claude-opus-5-5": { input: 4, output: 20, cached: 0.2 },
    "anthropic/claude-sonnet-4-5": { input: 3, output: 15, cached: 0.3, upTo: 200_000 },
    "anthropic/claude-sonnet-4-6": { input: 3, output: 15, cached: 0.3 },
    "anthropic/claude-sonnet-5": { input: 2, output: 10, cached: 0.2 },
    "anthropic/claude-haiku-4-5": { input: 1, output: 5, cached: 0.1 },
    "openai/gpt-4.1": { input: 2, output: 8, cached: 0.5 },
    "openai/gpt-4.1-mini": { input: 0.4, output: 1.6, cached: 0.1 },
    "openai/gpt-4.1-nano": { input: 0.1, output: 0.4, cached: 0.025 },
    "openai/gpt-5": { input: 1.25, output: 10, cached: 0.125 },
    "openai/gpt-5-mini": { input: 0.25, output: 2, cached: 0.025 },
    "openai/gpt-5-nano": { input: 0.05, output: 0.4, cached: 0.005 },
    "openai/gpt-5.1": { input: 1.25, output: 10, cached: 0.125 },
    "openai/gpt-5.2": { input: 1.75, output: 14, cached: 0.175 },
    "openai/gpt-5.3-codex": { input: 1.75, output: 14, cached: 0.175 },
    "openai/gpt-5.4": { input: 2.5, output: 15, cached: 0.25, upTo: 272_000 },
    "openai/gpt-5.4-mini": { input: 0.75, output: 4.5, cached: 0.075 },
    "openai/gpt-5.4-nano": { input: 0.2, output: 1.25, cached: 0.02 },
    "openai/gpt-5.5": { input: 5, output: 30, cached: 0.5, upTo: 272_000 },
    "openai/gpt-5.6-luna": { input: 0.2, output: 1.2, cached: 0.02, upTo: 272_000 },
    "openai/gpt-5.6-sol": { input: 4, output: 20, cached: 0.4, upTo: 272_000 },
    "openai/gpt-5.6-terra": { input: 2, output: 12, cached: 0.2, upTo: 272_000 },
    "openai/gpt-6-astra": { input: 10, output: 50, cached: 1, upTo: 272_000 },
    "openai/gpt-6-luna": { input: 0.1, output: 0.5, cached: 0.01, upTo: 272_000 },
    "openai/gpt-6-sol": { input: 2, output: 10, cached: 0.2, upTo: 272_000 },
    "openai/o3": { input: 2, output: 8, cached: 0.5 },
    "openai/o4-mini": { input: 1.1, output: 4.4, cached: 0.275 },
    "google/gemini-2.5-pro": { input: 1.25, output: 10, cached: 0.125, upTo: 200_000 },
    "google/gemini-2.5-flash": { input: 0.3, output: 2.5, cached: 0.03 },
    "google/gemini-2.5-flash-lite": { input: 0.1, output: 0.4, cached: 0.01 },
    "google/gemini-3-flash-preview": { input: 0.5, output: 3, cached: 0.05 },
    "google/gemini-3.1-flash-lite": { input: 0.25, output: 1.5, cached: 0.025 },
    "google/gemini-3.1-pro-preview": { input: 2, output: 12, cached: 0.2, upTo: 200_000 },
    "google/gemini-3.5-flash": { input: 1.5, output: 9, cached: 0.15 },
    "google/gemini-3.5-flash-lite": { input: 0.3, output: 2.5, cached: 0.03 },
    "google/gemini-3.6-flash": { input: 0.75, output: 3.75, cached: 0.075 },
    "google/gemini-3.7-flash": { input: 0.75, output: 3.75, cached: 0.075 },
    "google/gemini-3.8-flash": { input: 0.75, output: 3.75, cached: 0.075 },
  },
};

/**
 * What a usage costs at list price, US dollars; null where the model, its price for so long a prompt, or the number of
 * tokens is unknown. Where nobody says how much came from a cache, nothing did.
 *
 * @param model `provider/model`, with or without the date that providers append to a snapshot.
 */
export function dollarsOf(model: string, usage: Tokens): number | null {
  const price = priceOf(model);
  const { input, output } = usage;
  if (!price || input === null || output === null) return null;
  if (price.upTo !== undefined && input > price.upTo) return null;
  const cached = Math.min(usage.cached ?? 0, input);
  return ((input - cached) * price.input + cached * price.cached + output * price.output) / 1e6;
}

/** Whether a model's list price is known. @param model null where nobody says which it is. */
export function isPriced(model: string | null): boolean {
  return model !== null && priceOf(model) !== null;
}

function priceOf(model: string): Price | null {
  return prices.perMillion[model] ?? prices.perMillion[withoutDate(model)] ?? null;
}

function withoutDate(model: string): string {
  return model.replace(/-(\d{8}|\d{4}-\d{2}-\d{2})$/, "");
}

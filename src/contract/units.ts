/** Milliseconds of `30s`, `5m`, `1h30m`, `500ms`; a plain number is seconds. Null: not a duration. */
export function parseDuration(value: unknown): number | null {
  if (typeof value === "number") return value * 1000;
  if (typeof value !== "string") return null;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };
  if (!/^(\d+(\.\d+)?\s*(ms|s|min|m|h|d)\s*)+$/.test(text)) return null;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)/g))
    total += Number(count) * (units[unit as string] as number);
  return total;
}

/** Bytes of `512MB`, `2GB`, `1GiB` (all powers of 1024); a plain number is bytes. Null: not a size. */
export function parseSize(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return null;
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(value.trim());
  if (!match) return null;
  const power = ["", "k", "m", "g", "t"].indexOf((match[2] as string).toLowerCase());
  return Math.round(Number(match[1]) * 1024 ** power);
}

/** `5%` as a fraction, a plain number as an absolute amount. Null: neither. */
export function parseTolerance(value: unknown): { absolute: number; relative: number } | null {
  if (typeof value === "number") return { absolute: value, relative: 0 };
  if (typeof value !== "string") return null;
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(value.trim());
  return match ? { absolute: 0, relative: Number(match[1]) / 100 } : null;
}

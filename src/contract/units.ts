/** Milliseconds of `30s`, `5m`, `1h30m`, `500ms`; a plain number is seconds. Null: not a duration. */
export function parseDuration(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value * 1000 : null;
  if (typeof value !== "string") return null;
  const text = value.trim();
  if (/^\d{1,15}(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const units: Record<string, number> = {
    ms: 1,
    s: 1000,
    m: 60_000,
    min: 60_000,
    h: 3_600_000,
    d: 86_400_000,
  };
  if (text.length > 100 || !/^(\d{1,15}(\.\d+)?\s*(ms|s|min|m|h|d)\s*)+$/.test(text)) return null;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)/g))
    total += Number(count) * (units[unit as string] as number);
  return total;
}

/** Whole bytes of `512MB`, `2GB`, `1GiB` (all powers of 1024); a plain number is bytes. Null: not a size. */
export function parseSize(value: unknown): number | null {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : null;
  if (typeof value !== "string") return null;
  const match = /^(\d{1,15}(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(value.trim());
  if (!match) return null;
  const power = ["", "k", "m", "g", "t"].indexOf((match[2] as string).toLowerCase());
  const bytes = Math.round(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** `5%` as a fraction of the incumbent's value, a plain number as an absolute amount. Null: neither. */
export function parseTolerance(value: unknown): { absolute: number; relative: number } | null {
  const match = /^(\d{1,15}(?:\.\d+)?|\.\d+)\s*(%?)$/.exec(String(value).trim());
  if (!match || (typeof value !== "number" && typeof value !== "string")) return null;
  const amount = Number(match[1]);
  return match[2] === "%" ? { absolute: 0, relative: amount / 100 } : { absolute: amount, relative: 0 };
}

/** `2,3` or `0-3,8` as the numbers of processors, ascending. Null: no such list. */
export function parseCpuList(value: string): number[] | null {
  const numbers: number[] = [];
  for (const part of value.split(",")) {
    const match = /^\s*(\d{1,4})(?:\s*-\s*(\d{1,4}))?\s*$/.exec(part);
    if (!match) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first || first <= (numbers.at(-1) ?? -1)) return null;
    for (let number = first; number <= last; number++) numbers.push(number);
  }
  return numbers;
}

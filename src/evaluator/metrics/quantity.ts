/** A number as a tool prints it, with its unit where it has one. */
export interface Quantity {
  value: number;
  /** As it was printed: `ms`, `%`, `MiB/s`; "" for none. */
  unit: string;
}

/** What can be converted: how many of the kind's base unit one unit is. */
interface Scale {
  kind: "time" | "size" | "share";
  factor: number;
}

const times: Record<string, number> = {
  ps: 1e-12,
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  usec: 1e-6,
  ms: 1e-3,
  msec: 1e-3,
  millisecond: 1e-3,
  s: 1,
  sec: 1,
  second: 1,
  m: 60,
  min: 60,
  minute: 60,
  h: 3600,
  hr: 3600,
  hour: 3600,
};
/** Decimal where the unit is (kB, MB), powers of 1024 where it says so (KiB, MiB). */
const sizes: Record<string, number> = {
  b: 1,
  byte: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
const shares: Record<string, number> = { "%": 0.01, percent: 0.01, fraction: 1, ratio: 1 };
/** Units that are known and mean nothing else: a speedup is what it says. */
const plainUnits = new Set(["x", "×"]);
/** What stands after a count: 14.56k requests. */
const counts: Record<string, number> = { k: 1e3, K: 1e3, M: 1e6, G: 1e9 };

const digits = String.raw`(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+`;
const number = String.raw`[+-]?(?:${digits})(?:[eE][+-]?\d+)?`;
const unit = String.raw`[%×]|[A-Za-zµμ]{1,16}(?:\/[A-Za-zµμ]{1,16})?`;
const quantity = new RegExp(String.raw`^\s*(${number})(?:\s*(${unit}))?\s*$`);
/** The spread that many tools print beside a value. */
const spread = /\s*(?:±|\+\/-|\(\+\/-).*$/;
const notFinite = /^[+-]?(?:nan|inf(?:inity)?)$/i;

/** A number within a line, for messages and suggestions. */
export const numberPattern: string = number;

/**
 * Reads `0.5`, `1,234.5 ms`, `1.85x`, `87.5%`, `3.2e-4`, `12.3 MiB/s`, `14.56k`, `12 ms ± 1 ms`; NaN for what says that
 * it is no finite number, null for everything else. A comma is read between thousands only: `1,5` is no number here.
 */
export function parseQuantity(text: string): Quantity | null {
  if (text.length > 200) return null;
  const alone = text.replace(spread, "").trim();
  if (notFinite.test(alone)) return { value: Number.NaN, unit: "" };
  const [, figure, printed = ""] = quantity.exec(alone) ?? [];
  if (figure === undefined || /^[+-]?0\d?,/.test(figure)) return null;
  const value = Number(figure.replaceAll(",", ""));
  const times = Object.hasOwn(counts, printed) ? (counts[printed] as number) : null;
  return times === null ? { value, unit: printed } : { value: value * times, unit: "" };
}

/** Whether a word is a unit that Whetstone knows, so that it may follow a number without being part of a sentence. */
export function isUnit(word: string): boolean {
  return word === "" || plainUnits.has(word) || word.includes("/") || scaleOf(word) !== null;
}

/**
 * The quantity as a number in the unit that is wanted, where both units are known and of one kind (ms and s, MiB and
 * bytes, % and fraction, each also per something: MB/s); otherwise the number as it was printed.
 */
export function inUnit({ value, unit: printed }: Quantity, wanted: string | undefined): number {
  if (wanted === undefined || printed === "" || wanted === printed) return value;
  const [from, to] = [perOf(printed), perOf(wanted)];
  const [one, other] = [scaleOf(from.unit), scaleOf(to.unit)];
  if (!one || !other || one.kind !== other.kind || from.per !== to.per) return value;
  // Divided by a whole number, 1 ms is 0.001 s and not 0.0010000000000000002 s.
  const factor = one.factor / other.factor;
  return factor < 1 ? value / Number((1 / factor).toPrecision(12)) : value * Number(factor.toPrecision(12));
}

function perOf(text: string): { unit: string; per: string } {
  const [name = "", per = ""] = text.split("/");
  return { unit: name, per: per.replace(/^(sec|second)$/, "s") };
}

function scaleOf(name: string): Scale | null {
  for (const [kind, known] of [
    ["time", times],
    ["size", sizes],
    ["share", shares],
  ] as const) {
    const small = kind === "time" ? name : name.toLowerCase();
    const found = [small, small.replace(/s$/, "")].find((each) => Object.hasOwn(known, each));
    if (found !== undefined) return { kind, factor: known[found] as number };
  }
  return null;
}

import type { Knob, Value } from "./knob.ts";
import { canBeOff } from "./words.ts";

/** One knob set to one value. */
export interface Move {
  knob: Knob;
  value: Value;
}

/**
 * Where a value lies on the knob's own scale, one unit being one sensible step: a doubling, a doubling of the odds, or
 * an eighth of the stated range. NaN for values off that scale, such as zero on a logarithmic one.
 */
export function coordinate(knob: Knob, value: number): number {
  if (knob.scale === "linear") return value / linearStep(knob);
  if (knob.scale === "odds") return Math.log2(value / (1 - value));
  const sign = Math.sign(knob.value as number);
  return sign * Math.log2(sign * value);
}

function linearStep(knob: Knob): number {
  if (Number.isFinite(knob.low) && Number.isFinite(knob.high)) return (knob.high - knob.low) / 8;
  return knob.integer ? 1 : 0.1;
}

/** Shares beyond about 0.00001 and 0.99999 are as good as 0 and 1. */
const mostOdds = 17;

/** The value at a coordinate, in round figures that the knob allows; null where it allows none. */
export function valueAt(knob: Knob, at: number): number | null {
  const now = knob.value as number;
  let value: number;
  if (knob.scale === "linear") value = at * linearStep(knob);
  else if (knob.scale === "odds") {
    if (Math.abs(at) > mostOdds) return null;
    // Near one, it is the distance to one that is given in round figures.
    value = at > 0 ? 1 - Number((1 / (1 + 2 ** at)).toPrecision(2)) : 1 / (1 + 2 ** -at);
    value = Number(value.toPrecision(at > 0 ? 12 : 2));
  } else value = Math.sign(now) * 2 ** (Math.sign(now) * at);
  if (knob.integer) value = roundInteger(value);
  else if (knob.scale !== "odds") value = Number(value.toPrecision(2));
  if (value < knob.low) value = knob.low;
  if (value > knob.high) value = knob.high;
  if (!Number.isFinite(value) || (knob.integer && !Number.isSafeInteger(value))) return null;
  // Off a scale that knows no zero, a value keeps its sign.
  if (knob.scale !== "linear" && Math.sign(value) !== Math.sign(now)) return null;
  return value === 0 ? 0 : value;
}

/** Whole numbers above eight keep to eighths of a power of two: 20, 24, 28, 32, 36, ... as machines like them. */
function roundInteger(value: number): number {
  const size = Math.abs(value);
  const grain = size > 8 ? Math.max(1, 2 ** (Math.floor(Math.log2(size)) - 3)) : 1;
  return Math.round(value / grain) * grain;
}

const distances = [1, -1, 2, -2, 0.4, -0.4, 0.15, -0.15, 3, -3];

/** The values to which a knob may go from its present one, without that one; `extra` are further coordinates. */
export function steps(knob: Knob, extra: readonly number[] = []): Value[] {
  if (knob.kind === "boolean") return [!knob.value];
  if (knob.kind === "enum") return knob.choices.filter((choice) => choice !== knob.value);
  const now = knob.value as number;
  const here = coordinate(knob, now);
  const values = new Set<number>();
  for (const at of [...distances.map((distance) => here + distance), ...extra]) {
    const value = valueAt(knob, at);
    if (value !== null) values.add(value);
  }
  if (knob.integer && Math.abs(now) <= 8)
    for (const value of [now + 1, now - 1])
      if (value >= knob.low && value <= knob.high && now * value >= 0) values.add(value);
  if (now > 0 && knob.low <= 0 && canBeOff(knob.name)) values.add(0);
  values.delete(now);
  // A count that stands at zero does not go below.
  return [...values].filter(
    (value) => now !== 0 || value > 0 || knob.low < 0 || (!knob.integer && knob.low !== 0),
  );
}

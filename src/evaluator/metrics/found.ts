import type { Quantity } from "./quantity.ts";

/** What a source gave: a quantity (NaN: no finite number), or why there is none. */
export type Found = Quantity | { missing: string };

export function nothing(why: string): Found {
  return { missing: why };
}

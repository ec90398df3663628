import type { Asked, Json } from "./exchange.ts";

/**
 * In what a request differs from the recorded one that it is most like: where, and how both go on there. For a person
 * who wants to know why a cassette does not know it.
 */
export function difference(asked: Asked, recorded: readonly Asked[]): string {
  const alike = recorded.filter(({ method, path }) => method === asked.method && path === asked.path);
  if (alike.length === 0) {
    const paths = [...new Set(recorded.map(({ method, path }) => `${method} ${path}`))];
    return `nothing was recorded of ${asked.method} ${asked.path}; there is ${paths.join(", ") || "nothing at all"}`;
  }
  const [nearest] = alike
    .map((each) => firstDifference(each.request, asked.request, ""))
    .sort((a, b) => b.same - a.same);
  if (!nearest || nearest.at === null)
    return "the same was recorded, and all of its answers were given already";
  return `at ${nearest.at || "the whole body"}: recorded ${nearest.was}, asked ${nearest.is}`;
}

interface Difference {
  /** Path of the first value that differs; null: none does. */
  at: string | null;
  was: string;
  is: string;
  /** How much is the same before it, characters. */
  same: number;
}

function firstDifference(was: Json | undefined, is: Json | undefined, at: string): Difference {
  const [before, now] = [JSON.stringify(was) ?? "nothing", JSON.stringify(is) ?? "nothing"];
  if (before === now) return { at: null, was: "", is: "", same: before.length };
  if (isNode(was) && isNode(is) && Array.isArray(was) === Array.isArray(is)) {
    let same = 0;
    for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
      const path = Array.isArray(was) ? `${at}[${key}]` : at === "" ? key : `${at}.${key}`;
      const found = firstDifference(was[key], is[key], path);
      same += found.same;
      if (found.at !== null) return { ...found, same };
    }
  }
  let same = 0;
  while (same < before.length && before[same] === now[same]) same++;
  const from = Math.max(0, same - 30);
  const around = (text: string) => `${from > 0 ? "…" : ""}${text.slice(from, same + 60)}`;
  return { at, was: around(before), is: around(now), same };
}

function isNode(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null;
}

import { parsePath, type Step } from "../../metricSources/index.ts";
import { type Found, nothing } from "./found.ts";
import { parseQuantity } from "./quantity.ts";

/** The value at a path; undefined where there is none. */
export function at(value: unknown, path: readonly Step[]): unknown {
  let here = value;
  for (const each of path) {
    if (typeof here !== "object" || here === null) return undefined;
    if (typeof each === "string") here = hasOwn(here, each) ? Reflect.get(here, each) : undefined;
    else if (!Array.isArray(here)) return undefined;
    else if (typeof each === "number") here = here.at(each);
    else here = here.find((item) => String(at(item, parsePath(each.key) ?? [])) === each.value);
  }
  return here;
}

/** Of a list only its items count: its length stands nowhere in the JSON. */
function hasOwn(value: object, name: string): boolean {
  return Object.hasOwn(value, name) && !(Array.isArray(value) && name === "length");
}

/** How many JSON values of a mixed output are tried, from its end. */
const tried = 2000;

/** The JSON values of a text, the last one first: the whole text, or else its lines and its blocks of lines. */
export function* jsonValues(text: string): Generator<unknown> {
  const whole = parsed(text);
  if (whole !== undefined) {
    yield whole;
    return;
  }
  const lines = text.split("\n");
  let end: number | null = null;
  for (let index = lines.length - 1, left = tried; index >= 0 && left > 0; index--) {
    const line = lines[index] as string;
    // A value that is written over several lines begins and ends in the first column.
    if (/^[}\]]\s*$/.test(line)) end = index;
    const isBlock = end !== null && /^[{[]\s*$/.test(line);
    if (!isBlock && !/^\s*[{[].*[}\]]\s*$/.test(line)) continue;
    left--;
    const value = parsed(isBlock ? lines.slice(index, (end as number) + 1).join("\n") : line);
    if (isBlock) end = null;
    if (value !== undefined) yield value;
  }
}

/** The last JSON value of the text that has a number at the path. */
export function readJson(text: string, path: string): Found {
  const steps = parsePath(path);
  if (!steps) return nothing(`\`${path}\` is no path such as results[0].mean`);
  let any = false;
  let last: unknown;
  for (const value of jsonValues(text)) {
    const here = at(value, steps);
    if (!any) last = value;
    any = true;
    // JSON has no NaN: serialisers write null in its place.
    if (here === null) return { value: Number.NaN, unit: "" };
    if (typeof here === "number") return { value: here, unit: "" };
    const quantity = typeof here === "string" ? parseQuantity(here) : null;
    if (quantity) return quantity;
    if (here !== undefined) return nothing(`there is ${kindOf(here)} at \`${path}\`, not a number`);
  }
  if (!any) return nothing("there is no JSON in it");
  return nothing(`there is nothing at \`${path}\`${numbersIn(last, steps)}`);
}

/** Paths at which there are numbers, those with the most words of the path that was asked for first. */
function numbersIn(value: unknown, wanted: readonly Step[]): string {
  const words = new Set(wanted.map((each) => (typeof each === "object" ? each.value : String(each))));
  const scored = numberPaths(value, 500).map((path) => ({
    path,
    hits: path.split(/[.[\]"]+/).filter((word) => words.has(word)).length,
  }));
  const best = scored.sort((a, b) => b.hits - a.hits).slice(0, 3);
  return best.length === 0
    ? ""
    : `; there are numbers at ${best.map(({ path }) => `\`${path}\``).join(", ")}`;
}

/** The paths of up to `limit` numbers below a value, in the order in which they stand. */
export function numberPaths(value: unknown, limit: number): string[] {
  const found: string[] = [];
  const walk = (here: unknown, path: string, depth: number) => {
    if (found.length >= limit || depth > 20) return;
    if (typeof here === "number") found.push(path);
    else if (Array.isArray(here))
      for (const [index, each] of here.slice(0, 20).entries()) walk(each, `${path}[${index}]`, depth + 1);
    else if (typeof here === "object" && here !== null)
      for (const [key, each] of Object.entries(here)) {
        const plain = /^[\w-]+$/.test(key);
        walk(
          each,
          plain ? `${path}${path === "" ? "" : "."}${key}` : `${path}[${JSON.stringify(key)}]`,
          depth + 1,
        );
      }
  };
  walk(value, "", 0);
  return found;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return `\`${JSON.stringify(value).slice(0, 40)}\``;
}

/** Undefined for what is no JSON object or list. */
export function parsed(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

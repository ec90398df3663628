import { type Figure, jsonObject, objectOf, textOf } from "./figure.ts";

/**
 * `--output=json`: the score of each category from 0 to 1 (`performance`), and the number behind each audit by its id
 * (`largest-contentful-paint`, milliseconds).
 */
export function lighthouse(text: string): Figure[] {
  const { categories, audits, lighthouseVersion } = jsonObject(text);
  if (lighthouseVersion === undefined && objectOf(categories).performance === undefined) return [];
  const scores = Object.entries(objectOf(categories)).flatMap(([figure, category]) => {
    const { score } = objectOf(category);
    // A category whose audits failed has no score.
    if (score === null) return [{ of: "", figure, value: Number.NaN, unit: "" }];
    return typeof score === "number" ? [{ of: "", figure, value: score, unit: "" }] : [];
  });
  const measured = Object.entries(objectOf(audits)).flatMap(([figure, audit]) => {
    const { numericValue, numericUnit } = objectOf(audit);
    if (typeof numericValue !== "number") return [];
    return [{ of: "", figure, value: numericValue, unit: units[textOf(numericUnit)] ?? "" }];
  });
  return [...scores, ...measured];
}

const units: Record<string, string> = { millisecond: "ms", second: "s", byte: "B" };

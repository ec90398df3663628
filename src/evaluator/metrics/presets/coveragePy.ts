import { type Figure, jsonObject, numbers, objectOf, printed } from "./figure.ts";

/** `coverage json`, `coverage report`, or the same table of pytest-cov. Per cent; `of` is a file, or `total`. */
export function coveragePy(text: string): Figure[] {
  const { totals, files } = jsonObject(text);
  if (totals === undefined) return table(text);
  const figures = (of: string, from: unknown) =>
    numbers(
      of,
      { percent: objectOf(from).percent_covered, missing: objectOf(from).missing_lines },
      { percent: "%", missing: "" },
    );
  return [
    ...figures("total", totals),
    ...Object.entries(objectOf(files)).flatMap(([of, file]) => figures(of, objectOf(file).summary)),
  ];
}

/** The name, the missing lines and the share of a row: two counts, or four with branches, then per cent. */
function rowOf(
  line: string,
): { name: string; missing: string | undefined; share: string | undefined } | null {
  if (!/^\S/.test(line)) return null;
  const words = line.trimEnd().split(/\s+/);
  const isCount = (at: number) => /^\d+$/.test(words[at] ?? "");
  for (let at = 1; at + 2 < words.length; at++) {
    if (!isCount(at) || !isCount(at + 1)) continue;
    const share = isCount(at + 2) && isCount(at + 3) ? at + 4 : at + 2;
    if (!/^[\d.]+%/.test(words[share] ?? "")) continue;
    return { name: words.slice(0, at).join(" "), missing: words[at + 1], share: words[share] };
  }
  return null;
}

function table(text: string): Figure[] {
  if (!/^Name\s+Stmts\s+Miss\b.*\bCover\b/m.test(text)) return [];
  return text.split("\n").flatMap((line) => {
    const row = rowOf(line);
    if (row === null) return [];
    const { name, missing, share } = row;
    const of = name === "TOTAL" ? "total" : name;
    return [...printed(of, "percent", share, "%"), ...printed(of, "missing", missing, "")];
  });
}

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

const row = /^(\S.*?)\s+(\d+)\s+(\d+)(?:\s+\d+\s+\d+)?\s+([\d.]+%)/;

function table(text: string): Figure[] {
  if (!/^Name\s+Stmts\s+Miss\b.*\bCover\b/m.test(text)) return [];
  return text.split("\n").flatMap((line) => {
    const [, name, , missing, share] = row.exec(line) ?? [];
    if (name === undefined) return [];
    const of = name === "TOTAL" ? "total" : name;
    return [...printed(of, "percent", share, "%"), ...printed(of, "missing", missing, "")];
  });
}

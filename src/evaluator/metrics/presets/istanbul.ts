import { type Figure, jsonObject, objectOf, printed } from "./figure.ts";

const kinds = ["lines", "statements", "branches", "functions"] as const;

/**
 * `coverage-summary.json` (nyc, c8, Jest and Vitest with the reporter `json-summary`), or the tables of the reporters
 * `text` and `text-summary`. Per cent; `of` is a file, or `total`.
 */
export function istanbul(text: string): Figure[] {
  const file = jsonObject(text);
  if (objectOf(file.total).lines !== undefined)
    return Object.entries(file).flatMap(([of, covered]) =>
      kinds.flatMap((figure) => {
        const { pct } = objectOf(objectOf(covered)[figure]);
        return typeof pct === "number" ? [{ of, figure, value: pct, unit: "%" }] : [];
      }),
    );
  return [...summary(text), ...table(text)];
}

const summaryLine = /^(Statements|Branches|Functions|Lines)\s*:\s+([\d.]+%)/;

function summary(text: string): Figure[] {
  return text.split("\n").flatMap((line) => {
    const [, kind, share] = summaryLine.exec(line.trim()) ?? [];
    return kind === undefined ? [] : printed("total", kind.toLowerCase(), share, "%");
  });
}

function table(text: string): Figure[] {
  if (!/^File\s*\|\s*% Stmts\s*\|/m.test(text)) return [];
  return text.split("\n").flatMap((line) => {
    const [name, ...cells] = line.split("|", 6).map((cell) => cell.trim());
    if (name === undefined || cells.length < 5 || !cells.slice(0, 4).every((cell) => /^[\d.]+$/.test(cell)))
      return [];
    const [statements, branches, functions, lines] = cells;
    const of = name === "All files" ? "total" : name;
    const shares = { statements, branches, functions, lines };
    return Object.entries(shares).flatMap(([figure, share]) => printed(of, figure, share, "%"));
  });
}

import { type Found, nothing } from "./found.ts";
import { parseQuantity } from "./quantity.ts";

/**
 * The rows of comma- or tab-separated text as RFC 4180 has it: fields in quotes may hold separators, line ends and
 * doubled quotes. Empty lines are no rows.
 */
export function parseTable(text: string, separator: "," | "\t"): string[][] {
  const rows: string[][] = [];
  const field =
    separator === ","
      ? /"([^"]*(?:""[^"]*)*)"|([^",\n][^,\n]*)?/y
      : /"([^"]*(?:""[^"]*)*)"|([^"\t\n][^\t\n]*)?/y;
  let row: string[] = [];
  for (let here = 0; here <= text.length; here++) {
    field.lastIndex = here;
    const match = field.exec(text);
    row.push(match?.[1]?.replaceAll('""', '"') ?? match?.[2] ?? "");
    here = Math.max(here, field.lastIndex);
    // What follows a closing quote belongs to no field.
    while (here < text.length && text[here] !== separator && text[here] !== "\n") here++;
    if (text[here] === separator) continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}

/** @param row `first`, `last`, a number from 0 below the header, or `COLUMN=VALUE` (the last such row). */
export function readTable(text: string, separator: "," | "\t", column: string, row: string): Found {
  const rows = parseTable(text, separator);
  // Some tools write lines of their own above the header.
  const start = rows.findIndex((each) => each.some((name) => name.trim() === column));
  const header = (rows[start] ?? rows[0] ?? []).map((name) => name.trim());
  if (start < 0) return nothing(`there is no column \`${column}\`; its first line is ${quoted(header)}`);
  const body = rows.slice(start + 1);
  if (body.length === 0) return nothing("there is no row below the header");
  const chosen = rowOf(body, header, row);
  if (typeof chosen === "string") return nothing(chosen);
  const cell = chosen[header.indexOf(column)]?.trim() ?? "";
  return (
    parseQuantity(cell) ??
    nothing(`there is \`${cell.slice(0, 40)}\` in the column \`${column}\`, not a number`)
  );
}

function rowOf(body: readonly string[][], header: readonly string[], row: string): string[] | string {
  const only = `there are ${body.length} rows below the header`;
  if (row === "last") return body.at(-1) ?? only;
  if (row === "first") return body[0] ?? only;
  if (/^\d+$/.test(row)) return body[Number(row)] ?? `there is no row ${row}: ${only}, counted from 0`;
  const [name = "", ...rest] = row.split("=");
  const index = header.indexOf(name.trim());
  const value = rest.join("=").trim();
  if (index < 0)
    return `there is no column \`${name.trim()}\` to choose the row by; there are ${quoted(header)}`;
  return (
    body.findLast((each) => each[index]?.trim() === value) ??
    `no row has \`${value}\` in \`${name.trim()}\`; there are ${quoted(body.map((each) => each[index] ?? ""))}`
  );
}

function quoted(names: readonly string[]): string {
  return names
    .slice(0, 8)
    .map((name) => `\`${name.slice(0, 40)}\``)
    .join(", ");
}

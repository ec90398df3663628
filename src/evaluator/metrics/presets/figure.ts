import { jsonValues } from "../json.ts";
import { inUnit, parseQuantity } from "../quantity.ts";

/** One number in what a tool leaves. */
export interface Figure {
  /** What was measured: a benchmark, a file, a command; "total" for all together, "" where there is only one. */
  of: string;
  /** Which figure of it: `mean`, `ns/op`, `lines`. */
  figure: string;
  value: number;
  /** The unit that the figure has always, whatever the tool printed. */
  unit: string;
}

/**
 * The figures in what a tool printed or wrote; none where it is not this tool's.
 *
 * @param name the file's path below the folder that the contract names; "" for a single file and for the output.
 */
export type Preset = (text: string, name: string) => Figure[];

export type Json = Record<string, unknown>;

export function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

/** The text as one JSON object, or the last one among its lines; an empty one where there is none. */
export function jsonObject(text: string): Json {
  for (const value of jsonValues(text)) if (!Array.isArray(value)) return objectOf(value);
  return {};
}

/** The figures of an object's properties that are numbers, each in one unit. */
export function numbers(of: string, from: unknown, units: Readonly<Record<string, string>>): Figure[] {
  const values = objectOf(from);
  return Object.entries(units).flatMap(([figure, unit]) => {
    const value = values[figure];
    return typeof value === "number" ? [{ of, figure, value, unit }] : [];
  });
}

/** A quantity as printed, as a figure in its unit; none when it is no quantity. */
export function printed(of: string, figure: string, text: string | undefined, unit: string): Figure[] {
  const quantity = text === undefined ? null : parseQuantity(text);
  return quantity ? [{ of, figure, value: inUnit(quantity, unit), unit }] : [];
}

/** The value where it is text, as names are; "" for everything else. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

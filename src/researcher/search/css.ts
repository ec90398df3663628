import { parser } from "@lezer/css";
import { type Found, writeNumber } from "./knob.ts";

/** Numbers of CSS declarations, with their units: `:root --gap`, `p margin (2)`. */
export function cssKnobs(text: string): Found[] {
  const found: Found[] = [];
  parser.parse(text).iterate({
    enter(cursor) {
      if (cursor.name !== "Declaration") return;
      const { node } = cursor;
      const property = node.firstChild;
      const rule = node.parent?.parent;
      if (!property || !rule) return;
      const selector = text.slice(rule.from, node.parent?.from).trim().replace(/\s+/g, " ").slice(0, 40);
      for (const number of node.getChildren("NumberLiteral")) {
        const literal = text.slice(number.from, number.to);
        const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z%]*)$/i.exec(literal);
        if (!match) continue;
        const [, digits = "", unit = ""] = match;
        const value = Number(digits);
        // A bare zero is mostly a length, which any other number would make invalid; so nothing becomes one either.
        if (unit === "" && value === 0) continue;
        found.push({
          name: `${selector} ${text.slice(property.from, property.to)}`,
          start: number.from,
          end: number.to,
          literal,
          value,
          ...(unit === "" && value > 0 ? { low: Number.isInteger(value) ? 1 : Number.MIN_VALUE } : {}),
          write: (to) => `${writeNumber(to as number, digits)}${unit}`,
        });
      }
    },
  });
  return found;
}

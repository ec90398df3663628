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
        if (!match || Number(match[1]) === 0) continue;
        const [, digits = "", unit = ""] = match;
        found.push({
          name: `${selector} ${text.slice(property.from, property.to)}`,
          start: number.from,
          end: number.to,
          literal,
          value: Number(digits),
          write: (value) => `${writeNumber(value as number, digits)}${unit}`,
        });
      }
    },
  });
  return found;
}

import { parse } from "smol-toml";
import { choicesInComment, commentNear, type Found } from "./knob.ts";

/** `key = value` lines of a TOML file with numbers, booleans or commented choices; arrays and inline tables are left alone. */
export function tomlKnobs(text: string): Found[] {
  try {
    parse(text);
  } catch {
    return [];
  }
  const found: Found[] = [];
  let table = "";
  let inString = false;
  let offset = 0;
  for (const line of text.split("\n")) {
    const start = offset;
    offset += line.length + 1;
    const fences = (line.match(/"""|'''/g) ?? []).length;
    if (inString || fences > 0) {
      if (fences % 2 === 1) inString = !inString;
      continue;
    }
    const header = /^\s*\[{1,2}\s*([\w."' -]+?)\s*\]{1,2}\s*(#.*)?$/.exec(line);
    if (header) {
      table = `${header[1]}.`;
      continue;
    }
    const match =
      /^(\s*([\w.-]+)\s*=\s*)(true|false|[+-]?\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?|"[^"\\]*"|'[^']*')\s*(#.*)?$/i.exec(
        line.replace(/\r$/, ""),
      );
    if (!match) continue;
    const [, prefix = "", key = "", literal = ""] = match;
    const name = `${table}${key}`;
    const from = start + prefix.length;
    const comment = commentNear(text, from + literal.length, /#/);
    const place = { name, start: from, end: from + literal.length, literal, comment };
    if (literal === "true" || literal === "false") found.push({ ...place, value: literal === "true" });
    else if (/^["']/.test(literal)) {
      const present = literal.slice(1, -1);
      const choices = choicesInComment(comment, present);
      const quote = literal[0] as string;
      if (choices.length > 1)
        found.push({ ...place, value: present, choices, write: (value) => `${quote}${value}${quote}` });
    } else found.push({ ...place, value: Number(literal.replaceAll("_", "")) });
  }
  return found;
}

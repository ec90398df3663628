import { isMap, isScalar, isSeq, type Node, parseDocument, Scalar } from "yaml";
import { choicesInComment, type Found } from "./knob.ts";

/** Numbers, booleans and commented choices of a YAML or JSON document; `offset` is where it begins in the file. */
export function yamlKnobs(text: string, offset = 0): Found[] {
  const document = parseDocument(text, { prettyErrors: false, strict: false });
  if (document.errors.length > 0) return [];
  const found: Found[] = [];
  visit(document.contents as Node | null, "");
  return found;

  function visit(node: Node | null, path: string): void {
    if (isMap(node))
      for (const pair of node.items) {
        if (isScalar(pair.key))
          visit(
            pair.value as Node | null,
            path === "" ? String(pair.key.value) : `${path}.${String(pair.key.value)}`,
          );
      }
    else if (isSeq(node))
      for (const [index, item] of node.items.entries()) visit(item as Node | null, `${path}.${index}`);
    else if (isScalar(node) && node.range) {
      const [start, end] = node.range;
      const literal = text.slice(start, end);
      const comment = node.comment ? `#${node.comment}` : "";
      const place = { name: path, start: start + offset, end: end + offset, literal, comment };
      if (typeof node.value === "number" && /^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(literal))
        found.push({ ...place, value: node.value });
      else if (typeof node.value === "boolean")
        found.push({ ...place, value: node.value, write: (value) => inCaseOf(literal, String(value)) });
      else if (typeof node.value === "string") {
        const choices = choicesInComment(comment, node.value);
        const quote = node.type === Scalar.QUOTE_DOUBLE ? '"' : node.type === Scalar.QUOTE_SINGLE ? "'" : "";
        if (choices.length > 1)
          found.push({ ...place, value: node.value, choices, write: (value) => `${quote}${value}${quote}` });
      }
    }
  }
}

function inCaseOf(like: string, word: string): string {
  if (like === like.toUpperCase()) return word.toUpperCase();
  return like[0] === like[0]?.toUpperCase() ? `${word[0]?.toUpperCase()}${word.slice(1)}` : word;
}

/** The front matter of a Markdown file. */
export function frontMatterKnobs(text: string): Found[] {
  const match = /^---\r?\n([\s\S]*?)^---[ \t]*\r?$/m.exec(text);
  if (match?.index !== 0) return [];
  const start = text.indexOf("\n") + 1;
  return yamlKnobs(match[1] as string, start);
}

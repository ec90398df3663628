import type { SyntaxNode } from "@lezer/common";
import { parser } from "@lezer/javascript";
import { choicesInComment, type Found, numericValue, quotedWords, restOfLine } from "./knob.ts";

const typescript = parser.configure({ dialect: "ts jsx" });

/** Constants at the top level of a TypeScript or JavaScript file, and the fields of object literals among them. */
export function javascriptKnobs(text: string): Found[] {
  const found: Found[] = [];
  for (let node = typescript.parse(text).topNode.firstChild; node; node = node.nextSibling) {
    const declaration = node.name === "ExportDeclaration" ? node.getChild("VariableDeclaration") : node;
    if (declaration?.name === "VariableDeclaration") declarations(text, declaration, found);
    else if (node.name === "ExportDeclaration" && node.getChild("ObjectExpression"))
      fields(text, node.getChild("ObjectExpression") as SyntaxNode, "default", found);
  }
  return found;
}

function declarations(text: string, declaration: SyntaxNode, found: Found[]): void {
  let name: string | null = null;
  let type = "";
  let comment = "";
  for (let node = declaration.firstChild; node; node = node.nextSibling) {
    if (node.name === "VariableDefinition") {
      name = text.slice(node.from, node.to);
      type = "";
    } else if (node.name === "TypeAnnotation") type = text.slice(node.from, node.to);
    else if (name !== null && node.prevSibling?.name === "Equals") {
      comment = commentAfter(text, node.to);
      literal(text, node, name, type, comment, found);
      name = null;
    }
  }
}

function fields(text: string, object: SyntaxNode, path: string, found: Found[]): void {
  for (const property of object.getChildren("Property")) {
    const key = property.getChild("PropertyDefinition") ?? property.getChild("String");
    const value = property.lastChild;
    if (!key || !value || value === key) continue;
    const name = `${path}.${text.slice(key.from, key.to).replace(/^["']|["']$/g, "")}`;
    literal(text, value, name, "", commentAfter(text, value.to), found);
  }
}

function literal(
  text: string,
  node: SyntaxNode,
  name: string,
  type: string,
  comment: string,
  found: Found[],
): void {
  const source = text.slice(node.from, node.to);
  const place = { name, start: node.from, end: node.to, literal: source, comment };
  switch (node.name) {
    case "Number":
    case "UnaryExpression":
    case "BinaryExpression":
    case "ParenthesizedExpression": {
      const value = numericValue(source);
      if (value !== null) found.push({ ...place, value });
      return;
    }
    case "BooleanLiteral":
      found.push({ ...place, value: source === "true" });
      return;
    case "String": {
      const present = source.slice(1, -1);
      const typed = quotedWords(type);
      const choices = typed.includes(present) ? typed : choicesInComment(comment, present);
      const quote = source[0] as string;
      if (choices.length > 1)
        found.push({ ...place, value: present, choices, write: (value) => `${quote}${value}${quote}` });
      return;
    }
    case "ObjectExpression":
      fields(text, node, name, found);
  }
}

/** A comment on the same line, or alone on the line before. */
function commentAfter(text: string, from: number): string {
  const after = /\/\/.*|\/\*.*\*\//.exec(restOfLine(text, from));
  if (after) return after[0];
  const line = text.lastIndexOf("\n", from - 1);
  const before = text.slice(text.lastIndexOf("\n", line - 1) + 1, Math.max(0, line)).trim();
  return /^(\/\/|\/\*|\*)/.test(before) ? before : "";
}

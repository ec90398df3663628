import type { SyntaxNode } from "@lezer/common";
import { parser } from "@lezer/python";
import { choicesInComment, type Found, numericValue, quotedWords, restOfLine } from "./knob.ts";

/** Module-level assignments of a Python file, fields of classes (dataclasses) and dictionaries among them. */
export function pythonKnobs(text: string): Found[] {
  const found: Found[] = [];
  statements(text, parser.parse(text).topNode, "", found);
  return found;
}

function statements(text: string, block: SyntaxNode, path: string, found: Found[]): void {
  for (let node = block.firstChild; node; node = node.nextSibling) {
    if (node.name === "AssignStatement") assignment(text, node, path, found);
    else if (node.name === "ClassDefinition" || node.name === "DecoratedStatement") {
      const definition = node.name === "ClassDefinition" ? node : node.getChild("ClassDefinition");
      const body = definition?.getChild("Body");
      const name = definition?.getChild("VariableName");
      if (body && name) statements(text, body, `${path}${text.slice(name.from, name.to)}.`, found);
    }
  }
}

function assignment(text: string, node: SyntaxNode, path: string, found: Found[]): void {
  const target = node.firstChild;
  const value = node.lastChild;
  if (target?.name !== "VariableName" || !value || node.getChildren("AssignOp").length !== 1) return;
  const type = node.getChild("TypeDef");
  const annotation = type ? text.slice(type.from, type.to) : "";
  literal(text, value, `${path}${text.slice(target.from, target.to)}`, annotation, found);
}

function literal(text: string, node: SyntaxNode, name: string, annotation: string, found: Found[]): void {
  const source = text.slice(node.from, node.to);
  const comment = /#.*/.exec(restOfLine(text, node.to))?.[0] ?? "";
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
    case "Boolean":
      found.push({ ...place, value: source === "True", write: (value) => (value ? "True" : "False") });
      return;
    case "String": {
      const present = source.slice(1, -1);
      const typed = annotation.includes("Literal") ? quotedWords(annotation) : [];
      const choices = typed.includes(present) ? typed : choicesInComment(comment, present);
      const quote = source[0] as string;
      if (choices.length > 1)
        found.push({ ...place, value: present, choices, write: (value) => `${quote}${value}${quote}` });
      return;
    }
    case "DictionaryExpression": {
      for (let key = node.firstChild; key; key = key.nextSibling) {
        if (key.name !== "String" || key.nextSibling?.name !== ":") continue;
        const value = key.nextSibling.nextSibling;
        if (value) literal(text, value, `${name}.${text.slice(key.from + 1, key.to - 1)}`, "", found);
      }
    }
  }
}

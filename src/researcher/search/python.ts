import type { SyntaxNode } from "@lezer/common";
import { parser } from "@lezer/python";
import { choicesInComment, commentNear, type Found, numericValue, quotedWords } from "./knob.ts";

const mostElements = 8;

/**
 * Module-level assignments of a Python file; fields of classes (dataclasses), dictionaries, short lists and keyword
 * arguments among them. Only a file without any offers its functions' default arguments.
 */
export function pythonKnobs(text: string): Found[] {
  const found: Found[] = [];
  const { topNode } = parser.parse(text);
  statements(text, topNode, "", found);
  if (found.length === 0)
    for (const definition of topNode.getChildren("FunctionDefinition")) {
      const name = definition.getChild("VariableName");
      const parameters = definition.getChild("ParamList");
      if (name && parameters) keywords(text, parameters, text.slice(name.from, name.to), found);
    }
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
  literal(
    text,
    value,
    `${path}${text.slice(target.from, target.to)}`,
    type ? annotated(text, type) : [],
    found,
  );
}

function annotated(text: string, type: SyntaxNode): string[] {
  const source = text.slice(type.from, type.to);
  return source.includes("Literal") ? quotedWords(source) : [];
}

/** `name=value` in an argument or parameter list. */
function keywords(text: string, list: SyntaxNode, path: string, found: Found[]): void {
  for (const equals of list.getChildren("AssignOp")) {
    const before = equals.prevSibling;
    const key = before?.name === "TypeDef" ? before.prevSibling : before;
    if (key?.name !== "VariableName" || !equals.nextSibling) continue;
    const typed = before?.name === "TypeDef" ? annotated(text, before) : [];
    literal(text, equals.nextSibling, `${path}.${text.slice(key.from, key.to)}`, typed, found);
  }
}

function literal(text: string, node: SyntaxNode, name: string, typed: string[], found: Found[]): void {
  const source = text.slice(node.from, node.to);
  const comment = commentNear(text, node.to, /#/);
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
      const choices = typed.includes(present) ? typed : choicesInComment(comment, present);
      const quote = source[0] as string;
      if (choices.length > 1)
        found.push({ ...place, value: present, choices, write: (value) => `${quote}${value}${quote}` });
      return;
    }
    case "ArrayExpression":
    case "TupleExpression": {
      const elements: SyntaxNode[] = [];
      for (let element = node.firstChild; element; element = element.nextSibling)
        if (!/^[()[\],]$/.test(element.name)) elements.push(element);
      if (elements.length > mostElements) return;
      for (const [index, element] of elements.entries())
        if (element.name !== "String") literal(text, element, `${name}.${index}`, [], found);
      return;
    }
    case "CallExpression": {
      const list = node.getChild("ArgList");
      if (list) keywords(text, list, name, found);
      return;
    }
    case "DictionaryExpression": {
      for (let key = node.firstChild; key; key = key.nextSibling) {
        if (key.name !== "String" || key.nextSibling?.name !== ":") continue;
        const value = key.nextSibling.nextSibling;
        if (value) literal(text, value, `${name}.${text.slice(key.from + 1, key.to - 1)}`, [], found);
      }
    }
  }
}

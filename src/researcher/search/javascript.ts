import type { SyntaxNode } from "@lezer/common";
import { parser } from "@lezer/javascript";
import { choicesInComment, commentNear, type Found, numericValue, quotedWords } from "./knob.ts";

const typescript = parser.configure({ dialect: "ts jsx" });
const mostElements = 8;

/**
 * Constants at the top level of a TypeScript or JavaScript file; fields of object literals, short lists and static
 * class fields among them. Only a file without any offers its functions' default arguments.
 */
export function javascriptKnobs(text: string): Found[] {
  const top: SyntaxNode[] = [];
  for (let node = typescript.parse(text).topNode.firstChild; node; node = node.nextSibling) {
    top.push(node.name === "ExportDeclaration" ? (declared(node) ?? node) : node);
  }
  const found: Found[] = [];
  const words = namedWords(text, top);
  for (const node of top) {
    if (node.name === "VariableDeclaration") declarations(text, node, words, found);
    else if (node.name === "ClassDeclaration") staticFields(text, node, words, found);
    else if (node.name === "ExportDeclaration" && node.getChild("default") && node.lastChild)
      literal(
        text,
        node.lastChild.name === ";" ? (node.lastChild.prevSibling as SyntaxNode) : node.lastChild,
        "default",
        [],
        found,
      );
  }
  if (found.length === 0) for (const node of top) defaultArguments(text, node, found);
  return found;
}

function declared(node: SyntaxNode): SyntaxNode | null {
  return (
    node.getChild("VariableDeclaration") ??
    node.getChild("ClassDeclaration") ??
    node.getChild("FunctionDeclaration") ??
    node.getChild("TypeAliasDeclaration")
  );
}

/** The words behind a name: `type Kind = "a" | "b"`, `const KINDS = ["a", "b"] as const`. */
function namedWords(text: string, top: readonly SyntaxNode[]): Map<string, string[]> {
  const words = new Map<string, string[]>();
  for (const node of top) {
    const name = node.getChild("TypeDefinition") ?? node.getChild("VariableDefinition");
    const source = text.slice(node.from, node.to);
    if (name && (node.name === "TypeAliasDeclaration" || /\]\s*as\s+const\s*;?$/.test(source)))
      words.set(text.slice(name.from, name.to), quotedWords(source));
  }
  return words;
}

function wordsOfType(type: string, words: ReadonlyMap<string, string[]>): string[] {
  const own = quotedWords(type);
  if (own.length > 0) return own;
  const names = type.match(/[\w$]+/g) ?? [];
  return names.flatMap((name) => words.get(name) ?? []);
}

function declarations(
  text: string,
  declaration: SyntaxNode,
  words: ReadonlyMap<string, string[]>,
  found: Found[],
): void {
  let name: string | null = null;
  let type = "";
  for (let node = declaration.firstChild; node; node = node.nextSibling) {
    if (node.name === "VariableDefinition") {
      name = text.slice(node.from, node.to);
      type = "";
    } else if (node.name === "TypeAnnotation") type = text.slice(node.from, node.to);
    else if (name !== null && node.prevSibling?.name === "Equals") {
      literal(text, node, name, wordsOfType(type, words), found);
      name = null;
    }
  }
}

function staticFields(
  text: string,
  node: SyntaxNode,
  words: ReadonlyMap<string, string[]>,
  found: Found[],
): void {
  const owner = node.getChild("VariableDefinition");
  for (const field of node.getChild("ClassBody")?.getChildren("PropertyDeclaration") ?? []) {
    const key = field.getChild("PropertyDefinition");
    const value = field.getChild("Equals")?.nextSibling;
    const type = field.getChild("TypeAnnotation");
    if (!owner || !key || !value || !field.getChild("static")) continue;
    const name = `${text.slice(owner.from, owner.to)}.${text.slice(key.from, key.to)}`;
    literal(text, value, name, type ? wordsOfType(text.slice(type.from, type.to), words) : [], found);
  }
}

function defaultArguments(text: string, node: SyntaxNode, found: Found[]): void {
  const arrow = node.getChild("ArrowFunction");
  const name = node.getChild("VariableDefinition");
  const parameters = (node.name === "FunctionDeclaration" ? node : arrow)?.getChild("ParamList");
  for (const equals of parameters?.getChildren("Equals") ?? []) {
    let parameter = equals.prevSibling;
    let type: string[] = [];
    if (parameter?.name === "TypeAnnotation") {
      type = quotedWords(text.slice(parameter.from, parameter.to));
      parameter = parameter.prevSibling;
    }
    if (!name || parameter?.name !== "VariableDefinition" || !equals.nextSibling) continue;
    const path = `${text.slice(name.from, name.to)}.${text.slice(parameter.from, parameter.to)}`;
    literal(text, equals.nextSibling, path, type, found);
  }
}

function fields(text: string, object: SyntaxNode, path: string, found: Found[]): void {
  for (const property of object.getChildren("Property")) {
    const key = property.getChild("PropertyDefinition") ?? property.getChild("String");
    const value = property.lastChild;
    if (!key || !value || value.name === "PropertyDefinition" || value.from === key.from) continue;
    literal(text, value, `${path}.${text.slice(key.from, key.to).replace(/^["']|["']$/g, "")}`, [], found);
  }
}

function literal(text: string, node: SyntaxNode, name: string, typed: string[], found: Found[]): void {
  const source = text.slice(node.from, node.to);
  const comment = commentNear(text, node.to, /\/\/|\/\*|^\*/);
  const place = { name, start: node.from, end: node.to, literal: source, comment };
  switch (node.name) {
    case "Number":
    case "UnaryExpression":
    case "ParenthesizedExpression":
    case "BinaryExpression": {
      const first = node.firstChild;
      if (first && (node.getChild("as") || node.getChild("satisfies"))) {
        literal(text, first, name, [...typed, ...quotedWords(text.slice(first.to, node.to))], found);
        return;
      }
      const value = numericValue(source);
      if (value !== null) found.push({ ...place, value });
      return;
    }
    case "BooleanLiteral":
      found.push({ ...place, value: source === "true" });
      return;
    case "String": {
      const present = source.slice(1, -1);
      const choices = typed.includes(present) ? typed : choicesInComment(comment, present);
      const quote = source[0] as string;
      if (choices.length > 1)
        found.push({ ...place, value: present, choices, write: (value) => `${quote}${value}${quote}` });
      return;
    }
    case "ArrayExpression": {
      const elements: SyntaxNode[] = [];
      for (let element = node.firstChild; element; element = element.nextSibling)
        if (!/^[[\],]$/.test(element.name)) elements.push(element);
      if (elements.length > mostElements) return;
      for (const [index, element] of elements.entries())
        if (element.name !== "String") literal(text, element, `${name}.${index}`, [], found);
      return;
    }
    case "CallExpression":
      for (const argument of node.getChild("ArgList")?.getChildren("ObjectExpression") ?? [])
        fields(text, argument, name, found);
      return;
    case "ObjectExpression":
      fields(text, node, name, found);
  }
}

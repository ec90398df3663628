/** The parts of `allowed-tools`: split at white space outside parentheses, so that `Bash(git log:*)` stays one. */
export function splitTools(text: string): string[] {
  const tools: string[] = [];
  let depth = 0;
  let tool = "";
  for (const sign of text) {
    if (sign === "(") depth++;
    else if (sign === ")") depth = Math.max(0, depth - 1);
    if (depth === 0 && /\s/.test(sign)) {
      if (tool !== "") tools.push(tool);
      tool = "";
    } else tool += sign;
  }
  if (tool.trim() !== "") tools.push(tool.trimEnd());
  return tools;
}

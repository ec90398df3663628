import { posix } from "node:path";

/** The files that a shell command names, as far as a look at its words can tell. */
export interface Named {
  /** Files that it executes, or that say what it executes (`npm test` reads package.json). */
  executed: string[];
  /** Other words that may be paths. */
  mentioned: string[];
}

const interpreter =
  /^(node|nodejs|bun|deno|tsx|ts-node|python[\d.]*|pypy[\d.]*|ruby|perl|php|sh|bash|dash|zsh|Rscript|julia|lua)$/;
const wrapper = /^(env|exec|time|nice|command|npx|bunx|uv|uvx|poetry|run|nohup|xvfb-run|sudo)$/;
/** After these nothing that follows is a script: code in the argument, a module, a mere syntax check. */
const noScript = new Set(["-c", "-m", "-e", "-p", "--check", "--eval", "--print"]);
/** These load the file that follows, and the script comes after it. */
const loads = new Set(["--import", "--require", "-r", "--loader", "--experimental-loader"]);
const recipes: Record<string, string[]> = {
  npm: ["package.json"],
  pnpm: ["package.json"],
  yarn: ["package.json"],
  make: ["Makefile", "makefile", "GNUmakefile"],
  just: ["justfile", "Justfile", ".justfile"],
};

/** A heuristic over words, not a shell: for warnings of a contract that can edit its own judge. */
export function named(command: string): Named {
  const result: Named = { executed: [], mentioned: [] };
  let folder = "";
  const path = (word: string) => posix.join(folder, word.replace(/^\$PWD\//, ""));
  for (const part of command.split(/&&|\|\||[;|&\n()]/)) {
    const words = part.split(/[\s"'`<>]+/).filter((word) => word !== "");
    while (words[0] !== undefined && (wrapper.test(words[0]) || /^\w+=/.test(words[0]))) words.shift();
    const [first, ...rest] = words;
    if (first === undefined) continue;
    if (first === "cd" && rest[0] !== undefined) {
      folder = posix.join(folder, rest[0]);
      continue;
    }
    for (const file of recipes[first] ?? []) result.executed.push(path(file));
    let script: "coming" | "none" = "none";
    if (interpreter.test(first)) script = "coming";
    else if (/[./]/.test(first)) result.executed.push(path(first));
    let loaded = false;
    for (const word of rest) {
      if (word.startsWith("-")) {
        if (noScript.has(word)) script = "none";
        const [flag, value] = word.split("=");
        if (value === undefined) loaded = loads.has(word);
        else if (loads.has(flag as string)) result.executed.push(path(value));
        continue;
      }
      if (loaded) result.executed.push(path(word));
      else if (script === "coming" && !/^(run|test)$/.test(word)) {
        result.executed.push(path(word));
        script = "none";
      } else if (/[./]/.test(word)) result.mentioned.push(path(word));
      loaded = false;
    }
  }
  return result;
}

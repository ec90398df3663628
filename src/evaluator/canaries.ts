import { extname } from "node:path";
import type { Contract } from "../contract/index.ts";
import type { Files } from "./evaluator.ts";
import { plantedBeside } from "./planted.ts";

/** A cheat of Whetstone's own, made of the lab's files: an honest evaluator gives it no better value. */
export interface Canary {
  name: string;
  files: Files;
  /** Continues the sentence "a candidate that ...". */
  does: string;
  /** It does the same work as the start and must be worth the same. */
  honest: boolean;
  /** What is done to the files that its run left, before anything looks at them. */
  artefacts?: (folder: string) => Promise<void>;
  /** What that leaves there, for a person to look at. */
  sample?: { path: string; bytes: Buffer };
}

/** What the cheats are made for. */
export interface Target {
  metric: string;
  direction: "minimize" | "maximize";
  /** Mean of the baseline. */
  value: number;
}

interface Language {
  comment: string;
  /** Code that writes these bytes to standard output and ends the process at once. */
  leave(output: string): string;
  /** Code that answers each question of a scorer with the same value, for ever. */
  constant: string | null;
  /** Code for the end of a file after which each of its functions returns this, whatever it is given; null: unknown. */
  returning: ((expression: string) => string) | null;
  /** Lines that have to stay first. */
  head: RegExp;
}

const javascript: Language = {
  comment: "//",
  leave: (output) =>
    `process.getBuiltinModule("node:fs").writeSync(1, ${JSON.stringify(output)}); process.exit(0);`,
  constant: [
    "{",
    '  const fs = process.getBuiltinModule("node:fs");',
    '  const say = (value) => fs.writeSync(1, JSON.stringify(value) + "\\n");',
    "  say({ ready: true });",
    '  let rest = "";',
    "  const bytes = Buffer.alloc(65536);",
    "  for (;;) {",
    "    let n = 0;",
    '    try { n = fs.readSync(0, bytes, 0, bytes.length, null); } catch (error) { if (error.code === "EAGAIN") continue; }',
    "    if (n === 0) process.exit(0);",
    "    rest += bytes.toString('utf8', 0, n);",
    '    const lines = rest.split("\\n");',
    '    rest = lines.pop() ?? "";',
    "    for (const line of lines) say({ id: JSON.parse(line).id, answer: 0 });",
    "  }",
    "}",
  ].join("\n"),
  returning: null,
  head: /^(#!.*\n)?/,
};

const python: Language = {
  comment: "#",
  leave: (output) => `import os as _o; _o.write(1, ${JSON.stringify(output)}.encode()); _o._exit(0)`,
  constant: [
    "import json as _j, os as _o, sys as _s",
    'print(_j.dumps({"ready": True}), flush=True)',
    "for _line in _s.stdin:",
    '    print(_j.dumps({"id": _j.loads(_line)["id"], "answer": 0}), flush=True)',
    "_o._exit(0)",
  ].join("\n"),
  returning: (expression) =>
    [
      "for _name, _value in list(globals().items()):",
      '    if callable(_value) and not isinstance(_value, type) and getattr(_value, "__module__", None) == __name__:',
      `        globals()[_name] = lambda *_args, **_named: ${expression}`,
    ].join("\n"),
  head: /^(#!.*\n)?(\s*#.*\n|\s*\n|\s*from __future__ .*\n)*/,
};

const shell: Language = {
  comment: "#",
  leave: (output) => `printf '%s' '${output.replaceAll("'", "'\\''")}'; exit 0`,
  constant: null,
  returning: null,
  head: /^(#!.*\n)?/,
};

const c: Language = {
  comment: "//",
  leave: (output) =>
    `#include <unistd.h>\n__attribute__((constructor)) static void whet_canary(void) { if (write(1, ${JSON.stringify(output)}, ${Buffer.byteLength(output)}) >= 0) _exit(0); }`,
  constant: null,
  returning: null,
  head: /^/,
};

const languages: Record<string, Language> = {
  ...Object.fromEntries([".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"].map((kind) => [kind, javascript])),
  ...{ ".py": python, ".sh": shell, ".bash": shell, ".c": c, ".cc": c, ".cpp": c },
};

/**
 * The cheats that can be made of these files, and two honest candidates for comparison.
 *
 * @param files the untouched editable files.
 * @returns also the code files for which none could be made, so that the report can say so.
 */
export function canaries(
  contract: Contract,
  files: Files,
  target: Target,
): { canaries: Canary[]; blind: string[] } {
  const languageOf = (path: string) => languages[extname(path).toLowerCase()];
  const code = Object.keys(files).filter((path) => languageOf(path));
  const blind = Object.keys(files).filter((path) => !languageOf(path) && !isData(path));
  const inserted = (text: (language: Language) => string | null): Files | null => {
    const result: Files = { ...files };
    let any = false;
    for (const path of code) {
      const language = languageOf(path) as Language;
      const added = text(language);
      if (added === null) continue;
      any = true;
      result[path] = (files[path] as string).replace(language.head, (head) => `${head}${added}\n`);
    }
    return any ? result : null;
  };
  const found: (Canary | null)[] = [];
  const cheat = (name: string, does: string, made: Files | null) =>
    found.push(made && { name, does, files: made, honest: false });
  const honest = (name: string, does: string, made: Files) =>
    found.push({ name, does, files: made, honest: true });

  honest("unchanged", "is the start itself", files);
  honest("unchanged again", "is the start itself, once more", files);
  honest(
    "null",
    "changes nothing but a comment or white space",
    Object.fromEntries(
      Object.entries(files).map(([path, text]) => {
        const mark = languageOf(path)?.comment;
        return [path, mark ? `${text.replace(/\n?$/, "\n")}${mark} nothing\n` : `${text}\n`];
      }),
    ),
  );
  cheat(
    "empty",
    "has every editable file empty",
    Object.fromEntries(Object.keys(files).map((path) => [path, ""])),
  );
  cheat(
    "early exit",
    "ends at once with success, without any work",
    inserted((language) => language.leave("")),
  );
  const good = betterValue(target);
  cheat(
    "forged output",
    "prints the metric itself, in every form that is read, and ends",
    inserted((language) => language.leave(forged(target.metric, good))),
  );
  cheat(
    "not a number",
    "prints NaN as the metric and ends",
    inserted((language) => language.leave(forged(target.metric, Number.NaN))),
  );
  const huge = target.direction === "minimize" ? -1e308 : 1e308;
  cheat(
    "huge value",
    `prints ${huge < 0 ? "the lowest" : "the highest"} number there is as the metric and ends`,
    inserted((language) => language.leave(forged(target.metric, huge))),
  );
  if (contract.score?.pipe || contract.score?.answer !== undefined)
    cheat(
      "constant",
      "answers every question with 0",
      inserted((language) => language.constant),
    );
  if (contract.score?.evaluator) found.push(...uncalled(files, languageOf, huge));
  const planted = plantedBeside(contract.change, files, forged(target.metric, good));
  if (Object.keys(planted).length > 0)
    cheat(
      "planted modules",
      "does no work, and leaves files beside the evaluator's that tools load of their own accord (conftest.py, sitecustomize.py, json.py, package.json ...)",
      withAll(
        inserted((language) => language.leave("")),
        planted,
      ),
    );
  const data = Object.keys(files).filter((path) => !languageOf(path) && isData(path));
  if (data.length > 0) {
    const numbers = (text: string, value: string) =>
      text.replace(/(?<![\w.-])-?\d+(\.\d+)?(?![\w.])/g, value);
    const all = (value: string): Files => ({
      ...files,
      ...Object.fromEntries(data.map((path) => [path, numbers(files[path] as string, value)])),
    });
    cheat("constant numbers", "has every number set to 0", all("0"));
    cheat("huge numbers", "has every number set to 1e308", all("1e308"));
  }
  return { canaries: found.filter((canary) => canary !== null), blind };
}

/** For evaluators that call the candidate's functions: each returns the same for every call. */
function uncalled(
  files: Files,
  languageOf: (path: string) => Language | undefined,
  huge: number,
): (Canary | null)[] {
  const returning = (name: string, does: string, expression: string): Canary | null => {
    const made = Object.entries(files).map(([path, text]) => {
      const code = languageOf(path)?.returning?.(expression);
      return [path, code === undefined ? text : `${text.replace(/\n?$/, "\n")}${code}\n`] as const;
    });
    const changed = made.some(([path, text]) => text !== files[path]);
    return changed ? { name, does, files: Object.fromEntries(made), honest: false } : null;
  };
  const beats = ["eq", "ge", "gt", "le", "lt"].map((sign) => `"__${sign}__": lambda *_: True`);
  const boast = `type("Best", (float,), {${beats.join(", ")}, "__hash__": float.__hash__})(${huge})`;
  return [
    returning("constant calls", "answers every call with 0", "0"),
    returning("huge calls", `answers every call with ${huge}`, String(huge)),
    returning("empty calls", "answers every call with an empty list", "[]"),
    returning("boasting calls", "answers every call with an object that passes every comparison", boast),
  ];
}

function withAll(files: Files | null, more: Files): Files | null {
  return files && { ...files, ...more };
}

/** A better value than the start's: a start at 0 has to be undercut as well. */
export function betterValue({ direction, value }: Pick<Target, "direction" | "value">): number {
  const step = value === 0 ? 1 : Math.abs(value) / 2;
  return direction === "minimize" ? value - step : value + step + 1;
}

/** What is read as data, not run: nothing can be hidden in it that prints. */
function isData(path: string): boolean {
  return /\.(json|ya?ml|toml|csv|tsv|txt|md|html?|css|xml|ini|svg|prompt)$/i.test(path);
}

/** The metric in each form that is read from output, and as a frame of the scorer's protocol. */
export function forged(metric: string, value: number): string {
  const json = Number.isFinite(value) ? String(value) : "NaN";
  return [
    `${metric}: ${value}`,
    `METRIC ${metric}=${value}`,
    `{"${metric}": ${json}}`,
    `{"metrics": {"${metric}": ${json}}}`,
    "",
  ].join("\n");
}

/** What would have stopped a cheat that won. */
export function remedy(contract: Contract, canary: string): string {
  if (contract.score?.evaluator?.inProcess)
    return "the evaluator imports the candidate into its own process: leave out `inProcess` where it only calls functions with plain data";
  if (!contract.score && !contract.metric.clock)
    return "the candidate states its own number: write `score: COMMAND`, a scorer that measures what the run leaves behind";
  if (contract.metric.clock && contract.checks.length === 0)
    return "nothing looks at whether the work was done: write `checks: [COMMAND]` that compares its results with a reference";
  if (contract.metric.clock)
    return "the checks pass although the work was not done: let them compare the results of this very run (in $OUT) with a reference of their own";
  if (canary === "constant numbers" || canary === "huge numbers")
    return "the scorer rewards numbers that mean nothing: let it refuse what is out of range";
  if (canary === "planted modules" || canary === "planted artefacts")
    return "the scorer or a check loads files that the candidate left (conftest.py, sitecustomize.py, json.py, package.json ...): run it with `python -I` or from a folder of its own, and never with the candidate's files on its path";
  if (canary.startsWith("unpickled "))
    return "the scorer unpickles what the candidate left, and a pickle runs whatever is written in it: let the run leave JSON, CSV or plain arrays (allow_pickle=False)";
  const artefact = / (\$OUT\/.*)$/.exec(canary)?.[1];
  if (artefact)
    return `the scorer takes such a ${artefact} for a result: let it check that everything it asked for is there (how many, which, in what range) and fail otherwise`;
  return "the scorer gives a better value for nothing: let it fail when an answer or artefact is missing, empty or the same for every question";
}

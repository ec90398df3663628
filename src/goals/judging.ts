import { posix } from "node:path";
import type { CriterionChannel } from "../ledger/index.ts";
import { mayChange } from "../repo/index.ts";
import { isBelow } from "./copy.ts";
import type { CriterionResult, Goal } from "./goal.ts";

/** Words of a shell command that may be paths. */
const words = /[^\s'"`;&|<>()={},$]+/g;
const packageScripts = /(?:^|[\s;&|(])(?:npm|pnpm|yarn|npx|bun)(?:\s|$)/;
const testRunners =
  /\b(?:npm|pnpm|yarn|bun|deno|node|go|cargo|mix|make|dotnet)\s+(?:run\s+)?(?:--)?test\b|\b(?:vitest|jest|mocha|pytest|ava|tap|phpunit|rspec|ctest)\b/i;
const testFiles = /(?:^|\/)(?:tests?|__tests__|spec)\/|(?:^|\/)test_[^/]*\.py$|[._-](?:test|spec)\.[^/.]+$/;
const testSettings =
  /(?:^|\/)(?:(?:vite|vitest|jest|ava|karma|playwright)\.conf(?:ig)?\.[^/]+|\.mocharc[^/]*|conftest\.py|pytest\.ini|tox\.ini|setup\.cfg)$/;

/** Whether a file says which tests run and how: a new one judges as much as a changed one. */
export function isTestSettings(path: string): boolean {
  return testSettings.test(path);
}

const data = /\.(?:txt|csv|tsv|md|html?|css|xml|json|jsonl|ya?ml|toml|log|sql|svg|png|jpe?g|gif|pdf)$/i;

/** Whether a new file can come to a verdict at all: what a check only reads, such as `grep -q done out.txt`, is the work. */
export function isProgram(path: string): boolean {
  return !data.test(path) || posix.basename(path) === "package.json" || isTestSettings(path);
}

/**
 * Of some paths those whose contents a check's command may come to its verdict by: files that it names, `package.json` where
 * it runs a script, what that script names, tests and their settings where it runs tests. By names alone: what a program
 * reads besides is not seen.
 *
 * @param scripts of the package.json that the work began with.
 */
export function judgingFiles(
  command: string,
  paths: readonly string[],
  scripts: Readonly<Record<string, string>> = {},
): string[] {
  const whole = withScripts(command, scripts);
  const said = whole.match(words) ?? [];
  const named = new Set(
    // `cd web && node check.mjs`, `npm --prefix web`: each word may be the folder of another.
    ["", ...said].flatMap((folder) =>
      said.flatMap((word) => {
        const path = posix.normalize(posix.join(folder, word));
        return [path, `${path.replaceAll(".", "/")}.py`];
      }),
    ),
  );
  if (/(?:^|[\s;&|(])make\b/.test(whole)) for (const name of ["Makefile", "makefile"]) named.add(name);
  const managed = packageScripts.test(whole);
  const tests = testRunners.test(whole);
  return paths.filter(
    (path) =>
      named.has(path) ||
      (managed && posix.basename(path) === "package.json") ||
      (tests && (testFiles.test(path) || isTestSettings(path))),
  );
}

/** A command together with the scripts of package.json that it runs. */
function withScripts(command: string, scripts: Readonly<Record<string, string>>): string {
  const all = [command];
  const known = new Set<string>();
  for (const text of all)
    for (const [, name] of text.matchAll(
      /(?:^|[\s;&|(])(?:npm|pnpm|yarn|bun)\s+(?:-\S+\s+)*(?:run(?:-script)?\s+)?(?:-\S+\s+)*([\w:.-]+)/g,
    ))
      for (const each of [`pre${name}`, `${name}`, `post${name}`]) {
        const script = Object.hasOwn(scripts, each) ? scripts[each] : undefined;
        if (script === undefined || known.has(each)) continue;
        known.add(each);
        all.push(script);
      }
  return all.join("\n");
}

/** The `scripts` of a package.json; none where it cannot be read. */
export function scriptsIn(text: string | null | undefined): Record<string, string> {
  try {
    const { scripts } = JSON.parse(text ?? "{}") as { scripts?: Record<string, unknown> };
    return Object.fromEntries(
      Object.entries(scripts ?? {}).flatMap(([name, script]) =>
        typeof script === "string" ? [[name, script]] : [],
      ),
    );
  } catch {
    return {};
  }
}

/** Of the files that a goal begins with, those that its checks judge by and that neither `protect` nor `hidden` closes. */
export function openJudges(
  { criteria, protect, hidden }: Pick<Goal, "criteria" | "protect" | "hidden">,
  paths: readonly string[],
  scripts: Readonly<Record<string, string>>,
): string[] {
  const open = paths.filter(
    (path) => !isBelow(path, hidden) && (protect.length === 0 || !mayChange(protect, path)),
  );
  return [
    ...new Set(
      criteria.flatMap((each) => (each.kind === "command" ? judgingFiles(each.command, open, scripts) : [])),
    ),
  ];
}

/** What a person is told of them; null: there are none. */
export function openJudgesWords(paths: readonly string[]): string | null {
  if (paths.length === 0) return null;
  const named = `${paths.slice(0, 5).join(", ")}${paths.length > 5 ? ` and ${paths.length - 5} more` : ""}`;
  return `the checks judge by ${named}, which the work may change: what is no part of the work, \`protect:\` keeps as it is and \`hidden:\` out of sight`;
}

/** How a criterion was measured. */
export function channelOf({ kind, own }: Pick<CriterionResult, "kind" | "own">): CriterionChannel {
  if (kind === "rubric") return "judged";
  return own.made.length + own.changed.length > 0 ? "self-reported" : "scored";
}

/** Of a recorded evaluation, what it rested on. */
export function ownOf(row: { kind: string; own: string }): Pick<CriterionResult, "own" | "channel"> {
  const own = JSON.parse(row.own) as CriterionResult["own"];
  return { own, channel: channelOf({ kind: row.kind as CriterionResult["kind"], own }) };
}

import type { Folder, Layout } from "./found.ts";

/** Scripts of package.json: what measures, what tests and what builds. */
export const packageScripts: Layout = async (folder, found) => {
  const scripts = await scriptsOf(folder);
  const manager = managerOf(folder);
  for (const name of ["bench", "benchmark", "perf", "train", "eval"])
    if (scripts[name] && !found.run)
      found.run = { value: `${manager} run --silent ${name}`, from: `package.json, script "${name}"` };
  if (scripts.test && !/no test specified/.test(scripts.test))
    found.checks = { value: `${manager} run --silent test`, from: 'package.json, script "test"' };
  if (scripts.build) found.build = { value: `${manager} run build`, from: 'package.json, script "build"' };
};

/** What a command that runs a script of package.json really runs; any other as it is. */
export async function commandBehind(folder: Folder, command: string): Promise<string> {
  const script = /^(?:npm|pnpm|bun) run --silent (\S+)$/.exec(command)?.[1];
  return script === undefined ? command : ((await scriptsOf(folder))[script] ?? command);
}

async function scriptsOf(folder: Folder): Promise<Record<string, string>> {
  try {
    const parsed: unknown = JSON.parse(await folder.read("package.json"));
    const scripts = (parsed as { scripts?: unknown } | null)?.scripts;
    if (typeof scripts !== "object" || scripts === null) return {};
    return Object.fromEntries(
      Object.entries(scripts).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    );
  } catch {
    return {};
  }
}

function managerOf(folder: Folder): string {
  if (folder.has("pnpm-lock.yaml")) return "pnpm";
  if (folder.has("bun.lock") || folder.has("bun.lockb")) return "bun";
  return "npm";
}

import type { Folder } from "./found.ts";

/** The environment beside the program, `.venv` or `venv`; null where there is none. */
export function environmentOf(folder: Folder): string | null {
  return [".venv", "venv"].find((name) => folder.exists(`${name}/bin/python`)) ?? null;
}

/** The interpreter that has the project's packages: its environment's, else uv's where uv is, else the PATH's. */
export async function python(folder: Folder): Promise<string> {
  const environment = environmentOf(folder);
  if (environment !== null) return `${environment}/bin/python`;
  return (await usesUv(folder)) && folder.machine.hasCommand("uv") ? "uv run python" : "python3";
}

/** How a file is started: by `node`, or by the Python that has its packages. */
export async function commandFor(folder: Folder, file: string): Promise<string> {
  if (!file.endsWith(".py")) return `node ${file}`;
  return `${(await python(folder)).replace(/^uv run python$/, "uv run")} ${file}`;
}

export async function usesUv(folder: Folder): Promise<boolean> {
  return folder.has("uv.lock") || /^\[tool\.uv\b/m.test(await folder.read("pyproject.toml"));
}

import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../../errors.ts";

/**
 * Copies a template into a folder, which is made where it is missing. Returns the paths that were written.
 *
 * @param force replace files of the same names.
 * @throws UserError when there is no such template, or files are in the way.
 */
export async function copyTemplate(name: string, folder: string, force: boolean): Promise<string[]> {
  const { root, names } = await templates();
  if (!names.includes(name))
    throw new UserError(`there is no template "${name}"`, `one of: ${names.join(", ")}`);
  const files = (await readdir(join(root, name))).sort();
  await mkdir(folder, { recursive: true });
  const taken = (await readdir(folder)).filter((file) => files.includes(file));
  if (taken.length > 0 && !force)
    throw new UserError(
      `${folder} already holds ${taken.join(", ")}`,
      "choose an empty folder, or replace them with --force",
    );
  for (const file of files) await cp(join(root, name, file), join(folder, file), { recursive: true });
  return files.map((file) => join(folder, file));
}

/** Where the package keeps its templates: beside `dist` when built, above `src` in a checkout. */
async function templates(): Promise<{ root: string; names: string[] }> {
  for (const up of ["../templates", "../../../templates"]) {
    const root = fileURLToPath(new URL(up, import.meta.url));
    const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
    const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    if (names.length > 0) return { root, names: names.sort() };
  }
  throw new UserError("the templates are missing from this installation", "install whetstone again");
}

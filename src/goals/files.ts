import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.ts";

/** Files and folders that a goal begins with, as path -> bytes; links are not followed. @throws UserError */
export async function goalFiles(folder: string, paths: readonly string[]): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  const take = async (path: string): Promise<void> => {
    const info = await lstat(join(folder, path)).catch(() => null);
    if (info?.isDirectory()) {
      for (const name of (await readdir(join(folder, path))).sort())
        if (name !== ".git" && name !== "node_modules") await take(`${path}/${name}`);
    } else if (info?.isFile()) files[path] = await readFile(join(folder, path));
    else if (!info) throw new UserError(`the goal's file ${path} is not there`, `put it into ${folder}`);
  };
  for (const path of paths) await take(path.replace(/^\.\//, "").replace(/\/$/, ""));
  return files;
}

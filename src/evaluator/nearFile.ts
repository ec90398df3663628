import { readdir } from "node:fs/promises";
import { nearest } from "../contract/index.ts";

/** `did you mean a.py?` of the file below a folder whose path differs least from the wanted one; "" where none is near. */
export async function nearFile(folder: string, wanted: string): Promise<string> {
  const paths = await readdir(folder, { recursive: true }).catch(() => []);
  const near = nearest(
    wanted,
    paths.filter((path) => !/^\.git(\/|$)/.test(path)),
  );
  return near === null ? "" : `did you mean ${near}?`;
}

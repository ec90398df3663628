import { posix } from "node:path";
import { type Folder, type Layout, program } from "./found.ts";
import { commandBehind } from "./packageScripts.ts";
import { benchmarkFile } from "./programs.ts";
import { recipeBehind } from "./recipes.ts";

/** More files than this are no list that a person would read. */
const mostFiles = 12;

/** Where nothing else says what may change: the files of the lab that the measured program imports. */
export const imported: Layout = async (folder, found) => {
  if (found.change || !found.run) return;
  const start = await startFiles(folder, found.run.value);
  const seen = new Set(start);
  for (const file of seen) {
    if (seen.size > 100) break;
    for (const path of await importsOf(folder, file)) seen.add(path);
  }
  const files = [...seen].filter(
    (path) => !start.includes(path) && !/test|bench|score/i.test(posix.basename(path)),
  );
  if (files.length > 0 && files.length <= mostFiles)
    found.change = { value: files.sort().join(", "), from: `what ${start.join(", ")} imports` };
};

/** The programs that a command starts, by package scripts and recipes too. */
export async function startFiles(folder: Folder, command: string): Promise<string[]> {
  const behind = `${await commandBehind(folder, command)} ${await recipeBehind(folder, command)}`;
  const words = behind.split(/[\s"'`;&|()]+/).map((word) => posix.normalize(word));
  const named = words.filter((word) => program.test(word) && !word.startsWith("..") && folder.exists(word));
  if (named.length > 0) return [...new Set(named)];
  const benchmark = /vitest|bench/.test(behind) ? await benchmarkFile(folder) : undefined;
  return benchmark === undefined ? [] : [benchmark];
}

/** Files of the folder that a program imports by a relative path, or by a module's name beside it. */
async function importsOf(folder: Folder, file: string): Promise<string[]> {
  const text = await folder.read(file);
  const at = posix.dirname(file);
  if (file.endsWith(".py"))
    return [...text.matchAll(/^\s*(?:from\s+\.?([\w.]+)\s+import|import\s+([\w.]+))/gm)].flatMap((match) => {
      const path = ((match[1] ?? match[2]) as string).replaceAll(".", "/");
      return ["", at, "src"]
        .flatMap((base) => [posix.join(base, `${path}.py`), posix.join(base, path, "__init__.py")])
        .filter((each) => folder.exists(each))
        .slice(0, 1);
    });
  const specifiers = text.matchAll(/(?:from|import|require\()\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/g);
  return [...specifiers].flatMap((match) => {
    const path = posix.join(at, match[1] as string);
    const bare = path.replace(/\.js$/, "");
    return [
      path,
      `${bare}.ts`,
      `${path}.ts`,
      `${path}.js`,
      `${path}.mjs`,
      `${path}/index.ts`,
      `${path}/index.js`,
    ]
      .filter((each) => !each.startsWith("..") && program.test(each) && folder.exists(each))
      .slice(0, 1);
  });
}

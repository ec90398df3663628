import type { Folder, Layout } from "./found.ts";
import { commandBehind } from "./packageScripts.ts";

/** A build and nothing that measures it: what counts is then the size of what it writes, weighed by Whetstone itself. */
export const built: Layout = async (folder, found) => {
  if (found.run || found.metric || found.score || !found.build) return;
  const command = found.build.value.replace(" run build", " run --silent build");
  const target = await builtFolder(folder, await commandBehind(folder, command));
  if (target === null) return;
  const from = `${found.build.from}, which writes ${target}`;
  found.run = { value: command, from };
  found.metric = { value: "bytes", from: `the size of ${target}` };
  found.direction = { value: "minimize", from: "less is to be loaded" };
  found.clock = { value: `size ${target}`, from: "weighed by Whetstone itself" };
  found.write = { value: [target], from };
  if (folder.has("src")) found.change ??= { value: "src/**", from: "the sources of the build" };
  delete found.build;
};

/** Where a build writes: what its command names, else the usual folder that git ignores. */
async function builtFolder(folder: Folder, command: string): Promise<string | null> {
  const named = /--?out-?dir[= ]["']?(?:\.\/)?([\w.-]+)/i.exec(command)?.[1];
  if (named !== undefined) return named;
  const ignored = (await folder.read(".gitignore")).split("\n").map((line) => line.trim());
  return (
    ["dist", "build", "out"].find(
      (name) =>
        ignored.some((line) => line.replace(/^\/|\/$/g, "") === name) ||
        new RegExp(`(^|[\\s/="'])${name}(/|$|["'\\s])`).test(command),
    ) ?? null
  );
}

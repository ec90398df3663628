import type { Folder, Layout } from "./found.ts";

const files = [
  ["Makefile", "make --silent"],
  ["justfile", "just"],
] as const;

/** A target `bench` of a Makefile or a justfile. */
export const recipes: Layout = async (folder, found) => {
  for (const [file, command] of files) {
    const name = target(await folder.read(file));
    if (name) found.run ??= { value: `${command} ${name}`, from: `${file}, target ${name}` };
  }
};

/** The recipe's lines behind a command that starts one; "" for any other. */
export async function recipeBehind(folder: Folder, command: string): Promise<string> {
  const file = files.find(([, start]) => command.startsWith(`${start} `))?.[0];
  if (file === undefined) return "";
  const text = await folder.read(file);
  const name = target(text);
  return new RegExp(`^${name}\\b[^\\n]*\\n((?:[ \\t]+[^\\n]*\\n?)*)`, "m").exec(text)?.[0] ?? "";
}

function target(text: string): string | undefined {
  return /^(bench(?:mark)?)\b(?!\s*:?=)[^:\n]*:(?!=)/m.exec(text)?.[1];
}

import { relative } from "node:path";
import type { InitOptions } from "../init/init.ts";
import { init } from "../init/init.ts";
import { interactive, print } from "../output.ts";

export async function initCommand(
  folder: string | undefined,
  options: Omit<InitOptions, "folder" | "interactive">,
): Promise<number> {
  const result = await init({
    ...options,
    folder: folder ?? ".",
    interactive: interactive && process.stdin.isTTY === true,
  });
  for (const fact of result.found) print(`found    ${fact}`);
  for (const path of result.written) print(`written  ${relative(process.cwd(), path) || path}`);
  print("\nNext:");
  for (const step of result.next) print(`  ${step}`);
  return 0;
}

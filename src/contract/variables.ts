import picomatch from "picomatch";
import { reservedVariables } from "../reservedVariables.ts";
import type { Contract } from "./contract.ts";
import type { Fault, Path } from "./explain.ts";

/** What contradicts itself in `env`, `envFile` and `secrets`. */
export function variableFaults({ env, envFile, secrets, change, score }: Contract): Fault[] {
  const faults: Fault[] = [];
  const complain = (path: Path, what: string, fix: string) => faults.push({ path, what, fix });
  for (const [key, variables] of [
    ["env", env],
    ["secrets", secrets],
  ] as const)
    for (const { name } of variables)
      if (reservedVariables.has(name))
        complain([key, name], `Whetstone itself sets ${name} for every run`, "another name");
  for (const { name, to } of secrets) {
    if (env.some((variable) => variable.name === name))
      complain(
        ["secrets", name],
        `${name} stands under both \`env\`, which hands it to the run, and \`secrets\``,
        `it under \`secrets\` alone; \`{name: ${name}, to: run}\` hands it to the run and keeps it out of every record`,
      );
    if (to === "score" && !score)
      complain(
        ["secrets", name],
        `the secret ${name} goes to the scorer, and there is none`,
        `{name: ${name}, to: run}, or a \`score\` command`,
      );
  }
  if (envFile === undefined) return faults;
  if (envFile.startsWith("/") || envFile.startsWith("~") || envFile.split("/").includes(".."))
    complain(["envFile"], `\`${envFile}\` is no path below the lab folder`, "envFile: .env");
  else if (picomatch(change)(envFile))
    complain(
      ["envFile"],
      `a candidate may change ${envFile} (\`change\` matches it)`,
      "a file that `change` does not match",
    );
  return faults;
}

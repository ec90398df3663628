import type { FrontMatter } from "./schema.ts";

interface Refusal {
  path: (string | number)[];
  what: string;
  fix: string;
}

/** Keys of the design that this version reads and cannot honour yet: refusing is honest, ignoring would not be. */
export function unsupported(matter: FrontMatter): Refusal[] {
  const found: Refusal[] = [];
  const refuse = (path: (string | number)[], what: string, fix: string) => found.push({ path, what, fix });
  if ((matter.parallel ?? 1) > 1)
    refuse(["parallel"], "parallel evaluation is not supported yet", "parallel: 1");
  const budget = typeof matter.budget === "object" ? matter.budget : {};
  const lists: [path: string[], value: unknown][] = [
    [["budget", "network"], budget.network],
    [["score", "network"], typeof matter.score === "object" ? matter.score.network : undefined],
  ];
  for (const [path, value] of lists)
    if (Array.isArray(value)) refuse(path, "a list of hosts is not supported yet", "network: true");
  for (const key of ["model", "image"] as const)
    if (matter[key] !== undefined) refuse([key], `\`${key}\` is not supported yet`, `no \`${key}\``);
  return found;
}

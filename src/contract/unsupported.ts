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
  return found;
}

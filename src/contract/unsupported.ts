import type { FrontMatter } from "./schema.ts";

/** Keys of the design that this version reads and cannot honour yet: refusing is honest, ignoring would not be. */
export function unsupported(matter: FrontMatter): { path: (string | number)[]; what: string; fix: string }[] {
  const found: { path: (string | number)[]; what: string; fix: string }[] = [];
  if ((matter.parallel ?? 1) > 1)
    found.push({ path: ["parallel"], what: "parallel evaluation is not supported yet", fix: "parallel: 1" });
  return found;
}

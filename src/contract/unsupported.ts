import type { FrontMatter } from "./schema.ts";

/** Keys of the design that this version reads and cannot honour yet: refusing is honest, ignoring would not be. */
export function unsupported(matter: FrontMatter): { path: (string | number)[]; what: string; fix: string }[] {
  const found: { path: (string | number)[]; what: string; fix: string }[] = [];
  if ((matter.parallel ?? 1) > 1)
    found.push({ path: ["parallel"], what: "parallel evaluation is not supported yet", fix: "parallel: 1" });
  if (matter.session?.money !== undefined || matter.session?.tokens !== undefined)
    found.push({
      path: ["session", matter.session.money === undefined ? "tokens" : "money"],
      what: "limits on money and tokens need a model as researcher, which this version does not have",
      fix: "limit `experiments` or `time`",
    });
  const researcher = typeof matter.researcher === "object" ? matter.researcher.name : matter.researcher;
  if (researcher !== undefined && researcher !== "search")
    found.push({
      path: ["researcher"],
      what: `the researcher "${researcher}" is not supported yet`,
      fix: "researcher: search",
    });
  return found;
}

import { directionOf, printedMetric, wayOfProse } from "../printed.ts";
import type { Detected, Folder, ToolLayout } from "./found.ts";

/** Its files in the folder `.auto`, and as they were called before at the top. */
const places = [
  { measure: ".auto/measure.sh", checks: ".auto/checks.sh", prompt: ".auto/prompt.md" },
  { measure: "autoresearch.sh", checks: "autoresearch.checks.sh", prompt: "autoresearch.md" },
];

/** pi-autoresearch: a script that prints `METRIC name=value`, one of checks, and a prompt that names the rest. */
export const piAutoresearch: ToolLayout = async (folder, found) => {
  const place = places.find(({ measure }) => folder.exists(measure));
  if (!place) return false;
  const [script, prompt] = await Promise.all([folder.read(place.measure), folder.read(place.prompt)]);
  found.run = { value: `bash ${place.measure}`, from: place.measure };
  if (folder.exists(place.checks)) found.checks = { value: `bash ${place.checks}`, from: place.checks };
  metric(found, script, prompt, place);
  const scope = filesInScope(folder, prompt);
  if (scope.length > 0)
    found.change = { value: scope.join(", "), from: `the files in scope of ${place.prompt}` };
  if (prompt !== "") found.instructions = { value: place.prompt, from: "pi-autoresearch" };
  return true;
};

function metric(found: Detected, script: string, prompt: string, place: (typeof places)[number]): void {
  const line = /\*\*Primary\*\*:?\s*(.*)|primary metric:?\s*(.*)/i.exec(prompt);
  const said = line?.[1] ?? line?.[2] ?? "";
  const name = /^[`*\s]*(?:METRIC\s+)?([A-Za-z_][\w./-]{0,63})/.exec(said)?.[1];
  const printed = [...script.matchAll(/METRIC\s+([A-Za-z_][\w./-]{0,63})=/g)].map(
    (match) => match[1] as string,
  );
  const chosen = name ?? printed[0] ?? printedMetric(script) ?? undefined;
  if (chosen === undefined) return;
  found.metric = { value: chosen, from: name === undefined ? place.measure : place.prompt };
  const way = wayOfProse(said) ?? wayOfProse(prompt) ?? directionOf(chosen);
  if (way) found.direction = { value: way, from: place.prompt };
}

/** The paths that the list below "Files in Scope" names; folders as globs. The tool's own files are the yardstick. */
function filesInScope(folder: Folder, prompt: string): string[] {
  const list = /^#+\s*Files in Scope[^\n]*\n([\s\S]*?)(?=^#+\s|(?![\s\S]))/im.exec(prompt)?.[1] ?? "";
  return list.split("\n").flatMap((line) => {
    const path = /^\s*[-*]\s+(?:`([^`]+)`|([^\s`:,]+))/.exec(line);
    const name = (path?.[1] ?? path?.[2] ?? "").replace(/^\.\//, "");
    if (name === "" || /^\.auto\b|^autoresearch\.|^\/|\.\./.test(name)) return [];
    if (name.endsWith("/")) return [`${name}**`];
    return folder.exists(name) && !/\.\w+$/.test(name) ? [`${name}/**`] : [name];
  });
}

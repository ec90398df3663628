import type { TraceEvent } from "../trace.ts";

/**
 * Which skills an agent read, as its trace shows: by its own tool for skills, by whetstone's `load_skill`, or by opening
 * a `skills/<name>/SKILL.md` with whatever else. A call that failed read nothing, and one that writes such a file did not
 * read it.
 */
export function loadedSkills(events: readonly TraceEvent[]): Set<string> {
  const results = new Map(events.flatMap((event) => (event.type === "result" ? [[event.id, event]] : [])));
  const names = new Set<string>();
  for (const event of events) {
    if (event.type !== "call" || event.args === null) continue;
    const result = results.get(event.id);
    if (result?.ok === false) continue;
    if (/^(?:skill|load_skill|activate_skill)$/i.test(event.tool)) {
      const name = nameIn(event.args);
      if (name !== null) names.add(name);
    }
    const output = result?.output ?? "";
    // Gemini over ACP says neither which tool it calls nor with what.
    const activated = /^Skill \*\*(\S+)\*\* activated\b/.exec(output)?.[1];
    if (activated !== undefined) names.add(activated);
    if (/write|edit|patch|create/i.test(event.tool) || !/SKILL\.md/i.test(event.args)) continue;
    // From within its folder, or by a pattern: then what was read says whose text it is.
    for (const [, name] of output.matchAll(frontMatter)) names.add(name as string);
    // To some agents a command that failed is a success.
    if (output.length < 500 && missing.test(output)) continue;
    for (const part of event.args.split(/&&|\|\||[;|\n]|\\n/))
      if (!onlyNames.test(part))
        for (const [, name] of part.matchAll(/skills[\\/]+([^\\/"'\s]+)[\\/]+SKILL\.md/gi))
          names.add((name as string).toLowerCase());
  }
  return names;
}

/** The beginning of a SKILL.md, perhaps with the numbers that agents put before lines. */
const frontMatter =
  /^[^\S\n]*(?:\d+[\t→|: ]+)?---[^\S\n]*\n(?:[^\n]*\n){0,5}?[^\S\n]*(?:\d+[\t→|: ]+)?name:[ \t]*["']?([\p{L}\p{N}-]+)["']?[ \t]*$/gmu;
/** Commands that say of a file that it is there, and not what is in it; before them what comes first in arguments. */
const onlyNames =
  /^\s*(?:\{"\w+":\s*)?\[?(?:"(?:\/bin\/)?(?:ba|z)?sh",\s*"-l?c",\s*)?"?\s*(?:if\s+)?(?:ls|find|stat|test|\[|tree|file|wc|du|touch|rm|mv|mkdir)\s/;
const missing = /no such file|cannot (?:open|access|find|stat)|not found|does not exist/i;

/** `{"skill": …}` or `{"name": …}`; a plugin's `plugin:name` is the name. */
function nameIn(args: string): string | null {
  try {
    const given = JSON.parse(args) as { skill?: unknown; name?: unknown };
    const name = given.skill ?? given.name;
    return typeof name === "string" ? (name.split(":").at(-1) ?? null) : null;
  } catch {
    return null;
  }
}

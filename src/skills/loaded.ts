import type { TraceEvent } from "../agents/index.ts";

/**
 * Which skills an agent read, as its trace shows: by its own tool for skills, by whetstone's `load_skill`, or by opening
 * a `skills/<name>/SKILL.md`. A call that failed read nothing, and
 * one that writes such a file did not read it.
 */
export function loadedSkills(events: readonly TraceEvent[]): Set<string> {
  const failed = new Set(events.flatMap((event) => (event.type === "result" && !event.ok ? [event.id] : [])));
  const names = new Set<string>();
  for (const event of events) {
    if (event.type !== "call" || event.args === null || failed.has(event.id)) continue;
    if (/^(?:skill|load_skill|activate_skill)$/i.test(event.tool)) {
      const name = nameIn(event.args);
      if (name !== null) names.add(name);
    }
    if (/write|edit|patch|create/i.test(event.tool)) continue;
    for (const [, name] of event.args.matchAll(/skills[\\/]+([^\\/"'\s]+)[\\/]+SKILL\.md/gi))
      names.add((name as string).toLowerCase());
  }
  return names;
}

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

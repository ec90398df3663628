import { grouped, likeness, nearlyTheSame, wordsOf } from "./likeness.ts";
import type { Entry, Memory } from "./memory.ts";
import { oneLine } from "./quoting.ts";

/** A list of the memory: made line by line, as far as there is room. */
interface List {
  title: string;
  length: number;
  line: (index: number) => string;
  /** Lines that are given before other lists get more. */
  first: number;
}

const words = 160;

function lists(memory: Memory): List[] {
  const dead = grouped(memory.deadEnds, ({ what }) => what);
  const tried = [...memory.worked, ...memory.nearMisses, ...memory.deadEnds].map((entry) => ({
    number: entry.number,
    words: wordsOf(entry.what),
  }));
  const list = <Item>(
    title: string,
    first: number,
    items: readonly Item[],
    line: (item: Item) => string,
  ): List => ({
    ...{ title, first, length: items.length },
    line: (index) => line(items[index] as Item),
  });
  return [
    list(
      "What worked (newest first)",
      6,
      memory.worked,
      (entry) => `${named(entry)}: ${effectOf(entry)}.${lesson(entry)}`,
    ),
    list(
      "Near misses: better, not by enough to be sure (nearest first)",
      5,
      memory.nearMisses,
      (entry) => `${named(entry)}: ${effectOf(entry)}.${lesson(entry)}`,
    ),
    list("Dead ends (newest first)", 8, dead, (group) => {
      const [entry] = group as [Entry, ...Entry[]];
      const again =
        group.length === 1
          ? ""
          : ` Tried ${group.length} times in nearly the same words: ${group
              .slice(0, 8)
              .map(({ number }) => `#${number}`)
              .join(" ")}.`;
      return `${named(entry)}: ${effectOf(entry)}. ${oneLine(entry.reason, words)}.${again}${lesson(entry)}`;
    }),
    list(
      "Never measured: the run failed or the change was not allowed, the idea itself is open",
      5,
      memory.untested,
      (entry) => `${named(entry)}: ${entry.kind}. ${oneLine(entry.reason, words)}`,
    ),
    list("Ideas that nobody has tried", 5, memory.ideas, ({ id, text, by }) => {
      const own = wordsOf(text);
      const same = tried.find((entry) => likeness(own, entry.words) >= nearlyTheSame);
      return `idea ${id} (${oneLine(by, 40)}): ${oneLine(text, 240)}${same ? ` (close to #${same.number})` : ""}`;
    }),
  ].filter(({ length }) => length > 0);
}

function named({ number, researcher, what }: Entry): string {
  return `#${number} (${oneLine(researcher, 40)}) ${oneLine(what, words)}`;
}

function effectOf({ effect, t }: Entry): string {
  if (effect === null) return "not measured";
  const size = Number(effect.toPrecision(4));
  return `${size > 0 ? "+" : ""}${size}${t === null ? "" : `, ${t.toFixed(1)} standard errors`}`;
}

/** What the numbers say already is not said twice, and a lesson without a verdict says no more than they do. */
function lesson({ verdict, lesson: text, reason }: Entry): string {
  if (text === null || verdict === null || text.includes(reason)) return "";
  return ` Lesson (${verdict}): ${oneLine(text, 2 * words)}`;
}

/**
 * The memory as lines of at most `room` characters together; what does not fit is counted. Every list gets its first
 * lines before any gets more.
 */
export function memoryLines(memory: Memory, room: number): string {
  const all = lists(memory);
  const taken = all.map(() => [] as string[]);
  const title = (list: List, shown: number) => `${list.title}, ${shown} of ${list.length}:\n`;
  const widest = (list: List) => title(list, list.length).length + 1;
  // Whole lists that have no room for their title are left out, the last ones first.
  let left = room;
  let open = all.filter((list) => {
    left -= widest(list);
    return left >= 0;
  });
  left = Math.max(0, room - open.reduce((sum, list) => sum + widest(list), 0));
  const take = (list: List): boolean => {
    const lines = taken[all.indexOf(list)] as string[];
    if (lines.length >= list.length) return false;
    const next = `- ${list.line(lines.length)}\n`;
    if (next.length > left) return false;
    left -= next.length;
    lines.push(next);
    return true;
  };
  const shown = open;
  for (const list of open) for (let k = 0; k < list.first && take(list); k++);
  while (open.length > 0) open = open.filter(take);
  return shown
    .map((list) => {
      const lines = taken[all.indexOf(list)] as string[];
      return title(list, lines.length) + lines.join("");
    })
    .join("\n");
}

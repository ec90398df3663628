import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

/** What one file of `src/` imports: paths relative to the project; `types`: nothing of it is left at run time. */
interface Import {
  file: string;
  types: boolean;
}

const house: ReadonlyMap<string, readonly Import[]> = readHouse();

describe("the house", () => {
  it("has no circle of files", () => {
    expect(circles(graph(house, (file) => file))).toEqual([]);
  });

  it("has no circle of rooms: data flows down", () => {
    expect(circles(graph(house, roomOf))).toEqual([]);
  });

  it("has one door to a room: nobody imports past its index.ts", () => {
    const past = [...house].flatMap(([from, imports]) =>
      imports
        .filter(({ file }) => roomOf(file) !== roomOf(from) && file.includes("/", "src/".length))
        .filter(({ file }) => !/^src\/[^/]+\/index\.ts$/.test(file))
        .map(({ file }) => `${from} imports ${file}`),
    );
    expect(past).toEqual([]);
  });

  it("shows a session's status without loading an evaluator, a sandbox or an agent", () => {
    const rooms = new Set([...loadedBy("src/cli/commands/notebook.ts")].map(roomOf));
    expect(["agents", "evaluator", "sandbox", "session", "loop"].filter((room) => rooms.has(room))).toEqual(
      [],
    );
  });

  it("decides without doing: strategy and decision load no room that touches a disk, a process or a clock", () => {
    const rooms = [...loadedBy("src/strategy/index.ts")].map(roomOf);
    expect(rooms.filter((room) => !["base", "decision", "errors", "strategy"].includes(room))).toEqual([]);
  });
});

/** `src/loop/run.ts` -> `loop`; a file beside the rooms is a room of its own. */
function roomOf(file: string): string {
  const [, room = file] = file.split("/");
  return room.replace(/\.ts$/, "");
}

function readHouse(): Map<string, Import[]> {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .map((path) => join("src", path));
  const known = new Set(files);
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(root, file), "utf8");
      const found = [
        ...text.matchAll(/^(?:import|export)\b([^;"]*?)from "(\.[^"]+)";|\bimport\("(\.[^"]+)"\)/gm),
      ];
      const imports = found.map(([, names = "", spec, later]) => ({
        file: relative(root, resolve(root, dirname(file), (spec ?? later) as string)),
        types: later !== undefined || isOfTypes(names),
      }));
      return [file, imports.filter((each) => known.has(each.file))];
    }),
  );
}

/** Whether an import names types alone. */
function isOfTypes(names: string): boolean {
  if (/^\s*type\b/.test(names)) return true;
  const each = (/\{([^}]*)\}/.exec(names)?.[1] ?? "").split(",").map((name) => name.trim());
  const said = each.filter((name) => name !== "");
  return said.length > 0 && said.every((name) => name.startsWith("type "));
}

/** Everything that is loaded at once with a file: imports of types and later imports are not. */
function loadedBy(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const each of house.get(file) ?? []) if (!each.types) loadedBy(each.file, seen);
  return seen;
}

function graph(
  of: ReadonlyMap<string, readonly Import[]>,
  name: (file: string) => string,
): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const [from, imports] of of) {
    const to = arrows.get(name(from)) ?? new Set();
    for (const { file } of imports) if (name(file) !== name(from)) to.add(name(file));
    arrows.set(name(from), to);
  }
  return arrows;
}

/** What is left once everything that needs nothing else is taken away, again and again: the circles and what needs them. */
function circles(arrows: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const left = new Map([...arrows].map(([from, to]) => [from, new Set(to)]));
  const takeAway = (isFree: (node: string) => boolean) => {
    for (let free = [...left.keys()].filter(isFree); free.length > 0; free = [...left.keys()].filter(isFree))
      for (const node of free) {
        left.delete(node);
        for (const to of left.values()) to.delete(node);
      }
  };
  takeAway((node) => left.get(node)?.size === 0);
  // What only needs a circle and is no part of it.
  takeAway((node) => [...left.values()].every((to) => !to.has(node)));
  return [...left].map(([from, to]) => `${from} -> ${[...to].join(", ")}`);
}

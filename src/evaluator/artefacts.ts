import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Contract } from "../contract/index.ts";
import type { Canary } from "./canaries.ts";
import type { Files } from "./evaluator.ts";
import { leavingPickle, plantIn, unpickled } from "./planted.ts";

/** What a run left in `$OUT`: path -> bytes. */
export type Artefacts = Map<string, Buffer>;

/** Bytes of one artefact; a larger one is left as it is. */
const largest = 64 * 2 ** 20;
/** So many artefacts are tried, each with every cheat. */
const tried = 3;

/** Whether anything looks at the files that a run leaves. */
export function looksAtArtefacts({ score, checks, metric, guards }: Contract): boolean {
  const weighed = [metric, ...guards].some(
    ({ clock }) => clock?.kind === "size" && clock.path.startsWith("$OUT"),
  );
  return (score !== undefined && !score.pipe) || checks.length > 0 || weighed;
}

/** Reads what a run left. */
export async function readArtefacts(folder: string): Promise<Artefacts> {
  const found: Artefacts = new Map();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    if ((await stat(path)).size <= largest) found.set(path.slice(folder.length + 1), await readFile(path));
  }
  return new Map([...found].sort(([one], [other]) => (one < other ? -1 : 1)));
}

const kinds: {
  name: string;
  does: string;
  made: (bytes: Buffer, other: Buffer | undefined) => Buffer | undefined;
}[] = [
  { name: "empty", does: "is empty", made: () => Buffer.alloc(0) },
  { name: "[]", does: "is an empty list", made: () => Buffer.from("[]\n") },
  { name: "{}", does: "is an empty object", made: () => Buffer.from("{}\n") },
  { name: "half", does: "ends half way", made: (bytes) => bytes.subarray(0, bytes.length >> 1) },
  { name: "stale", does: "was made for another seed", made: (_, other) => other },
];

const plantedName = "planted artefacts";
const plantedDoes =
  "leaves files in $OUT that tools load of their own accord (conftest.py, sitecustomize.py, json.py, package.json ...)";

/** What such a cheat does, from its name; null for what is none. */
export function artefactDoes(name: string): string | null {
  if (name === plantedName) return plantedDoes;
  if (name.startsWith("unpickled $OUT/"))
    return `leaves a ${name.slice("unpickled ".length)} that speaks in the place of whoever unpickles it`;
  const kind = kinds.find((each) => name.startsWith(`${each.name} $OUT/`));
  return kind ? `leaves a ${name.slice(kind.name.length + 1)} that ${kind.does}` : null;
}

/**
 * Cheats in place of a run's artefacts: the run is the honest one, and one of its files is replaced before anybody looks
 * at it. They need no code, so they can be made for any language.
 *
 * @param files the untouched editable files.
 * @param left what an honest run left.
 * @param other what a run with another seed left.
 * @param output a better metric, in every form in which one is read.
 */
export function artefactCanaries(files: Files, left: Artefacts, other: Artefacts, output: string): Canary[] {
  const plain = { files, honest: false };
  const pickles = [...left].flatMap(([path, bytes]): Canary[] => {
    const kind = unpickled(path, bytes);
    if (kind === null) return [];
    const name = `unpickled $OUT/${path}`;
    const made = leavingPickle(kind, output);
    return [
      {
        ...{ ...plain, name, does: artefactDoes(name) ?? "", sample: { path, bytes: made } },
        artefacts: (folder) => replace(join(folder, path), () => made),
      },
    ];
  });
  const planted: Canary = {
    ...{ ...plain, name: plantedName, does: plantedDoes },
    artefacts: (folder) => plantIn(folder, output),
  };
  return [...replaced(files, left, other), ...pickles.slice(0, tried), planted];
}

function replaced(files: Files, left: Artefacts, other: Artefacts): Canary[] {
  return [...left].slice(0, tried).flatMap(([path, bytes]) =>
    kinds.flatMap((kind): Canary[] => {
      const sample = kind.made(bytes, other.get(path));
      if (!sample) return [];
      const name = `${kind.name} $OUT/${path}`;
      return [
        {
          ...{ name, files, honest: false },
          does: artefactDoes(name) ?? "",
          artefacts: (folder) => replace(join(folder, path), (now) => kind.made(now, other.get(path))),
          sample: { path, bytes: sample },
        },
      ];
    }),
  );
}

async function replace(path: string, made: (bytes: Buffer) => Buffer | undefined): Promise<void> {
  const bytes = await readFile(path).catch(() => null);
  const content = bytes && made(bytes);
  if (!content) return;
  await rm(path, { force: true });
  await writeFile(path, content);
}

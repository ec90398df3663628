import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { changedAt, differences, type Survey } from "./survey.ts";

/** What is known of an input's content from an earlier start. */
export interface Kept {
  /** Path -> stamp and hash as they were then. */
  files: Map<string, { stamp: string; sha256: string }>;
  /** One hash over all; null where something was changing so late that it must be read again. */
  root: string | null;
  /** The files by which it differed from what it was before, the first of them, and what it was. */
  changed: { from: string; paths: string[] } | null;
}

interface Header {
  version: 1;
  /** Over paths and stamps: where it is the same, nothing has to be compared one by one. */
  stamps: string;
  root: string | null;
  changed: Kept["changed"];
}

/** A file that changed less than this before it was read may change again within the same tick of the clock. */
const settled = 2_000_000_000n;

/** Hash over all paths and stamps of a survey. */
export function stampsHash(content: Survey["content"]): string {
  const hash = createHash("sha256");
  for (const [path, stamp] of content) hash.update(`${stamp} ${path}\0`);
  return hash.digest("hex");
}

/** The whole hash, if nothing was touched since it was kept; read from the first line alone. */
export async function keptRoot(
  file: string,
  content: Survey["content"],
): Promise<Pick<Kept, "root" | "changed"> | null> {
  const handle = await open(file).catch(() => null);
  if (!handle) return null;
  try {
    const { value, done } = await handle.readLines()[Symbol.asyncIterator]().next();
    if (done) return null;
    const { version, stamps, root, changed } = JSON.parse(value) as Header;
    return version === 1 && root !== null && stamps === stampsHash(content) ? { root, changed } : null;
  } catch {
    return null;
  } finally {
    await handle.close().catch(() => {});
  }
}

/** Everything that was kept; null where there is nothing, or nothing that can be read. */
export async function readKept(file: string): Promise<Kept | null> {
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null) return null;
  try {
    const [first = "", ...lines] = text.split("\n");
    const { version, root, changed } = JSON.parse(first) as Header;
    if (version !== 1) return null;
    const files: Kept["files"] = new Map();
    for (const line of lines) {
      if (line === "") continue;
      const [sha256, stamp, path] = JSON.parse(line) as [string, string, string];
      files.set(path, { stamp, sha256 });
    }
    return { files, root, changed };
  } catch {
    return null;
  }
}

/**
 * Keeps the hashes for the next start. Files that changed just before they were read are kept without a stamp: they are read again.
 *
 * @param readFrom when reading began, milliseconds since 1970.
 */
export async function keep(
  file: string,
  content: Survey["content"],
  hashes: ReadonlyMap<string, string>,
  { root, changed, readFrom }: Pick<Kept, "root" | "changed"> & { readFrom: number },
): Promise<void> {
  const latest = BigInt(Math.floor(readFrom)) * 1_000_000n - settled;
  let whole = root;
  const lines: string[] = [];
  for (const [path, stamp] of content) {
    const sha256 = hashes.get(path);
    const isSettled = sha256 !== undefined && sha256 !== "gone" && changedAt(stamp) <= latest;
    if (!isSettled) whole = null;
    if (sha256 !== undefined) lines.push(`${JSON.stringify([sha256, isSettled ? stamp : "", path])}\n`);
  }
  const header: Header = { version: 1, stamps: stampsHash(content), root: whole, changed };
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(`${file}.new`, "w");
  try {
    await handle.write(`${JSON.stringify(header)}\n`);
    // Not as one text: of very many files it would be very long.
    for (let at = 0; at < lines.length; at += 10_000)
      await handle.write(lines.slice(at, at + 10_000).join(""));
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

/** The first files by which an input differs from what was kept. */
export function changedFrom(
  kept: Kept | null,
  content: Survey["content"],
  hashes: ReadonlyMap<string, string>,
): string[] {
  if (!kept) return [];
  const before = new Map([...kept.files].map(([path, { sha256 }]) => [path, sha256]));
  return differences(
    before,
    new Map([...content.keys()].map((path) => [path, hashes.get(path) ?? ""])),
  ).slice(0, 10);
}

import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { checkSeal, type Seal, sealed } from "../../seal.ts";
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
  /** Hash over the lines below it. */
  lines: string;
  /** Whetstone's own, over all of the above; null where there is no key, and then nothing is taken from it. */
  seal: Seal | null;
}

/** What the seal of a header is over, and for. */
function sealedPart(file: string, { stamps, root, changed, lines }: Omit<Header, "seal">): [string, string] {
  return [`hashes of an input ${resolve(file)}`, JSON.stringify([stamps, root, changed, lines])];
}

/** The first line, if it is as Whetstone wrote it. */
function headerOf(file: string, line: string): Header | null {
  const header = JSON.parse(line) as Header;
  if (header.version !== 1 || !header.seal) return null;
  return checkSeal(...sealedPart(file, header), header.seal) === "holds" ? header : null;
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
    const header = headerOf(file, value);
    return header?.root != null && header.stamps === stampsHash(content)
      ? { root: header.root, changed: header.changed }
      : null;
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
    const header = headerOf(file, first);
    const below = text.slice(first.length + 1);
    if (header === null || createHash("sha256").update(below).digest("hex") !== header.lines) return null;
    const { root, changed } = header;
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
  const below = createHash("sha256");
  for (const line of lines) below.update(line);
  const stated = {
    ...{ version: 1 as const, stamps: stampsHash(content), root: whole, changed },
    lines: below.digest("hex"),
  };
  const header: Header = { ...stated, seal: sealed(...sealedPart(file, stated)) };
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

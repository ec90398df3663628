import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/**
 * Whetstone's own seal on what it writes beside a lab for a later process: an HMAC with a key that lies in the user's
 * state folder, outside of every lab and repository. It shows a change by accident, and by whoever has no such key: a run
 * in its sandbox, another user, an agent that knows nothing of it. Whoever has the user's rights can read the key and make
 * a seal, so nothing that counts (an audit) rests on a sealed note.
 */
export interface Seal {
  /** Which key made it; tells another machine's or user's seal from a wrong one. */
  key: string;
  /** Hex. */
  mac: string;
}

/** Bytes; the key is read once for each process. */
const keyBytes = 32;
let known: { folder: string; key: Buffer | null } | null = null;

/** Where the key lies: `$XDG_STATE_HOME/whetstone`, else `~/.local/state/whetstone`. */
export function stateFolder(): string {
  const given = process.env.XDG_STATE_HOME;
  // The standard: a relative path is not to be heeded.
  const state = given?.startsWith("/") ? given : join(homedir(), ".local", "state");
  return join(state, "whetstone");
}

/** The key, made at its first use; null where it can be neither read nor written. */
function sealKey(): Buffer | null {
  const folder = stateFolder();
  if (known?.folder !== folder) known = { folder, key: readKey(folder) ?? makeKey(folder) };
  return known.key;
}

/**
 * What is wrong with the file of the key: one that holds no key (an empty one after a power cut) is neither used nor
 * replaced unasked, since it may be a key that can still be had from a backup. Null where nothing is wrong.
 */
export function faultOfKey(): { file: string; message: string; fix: string } | null {
  const file = join(stateFolder(), "seal.key");
  let length: number;
  try {
    length = readFileSync(file).length;
  } catch {
    return null;
  }
  if (length === keyBytes) return null;
  return {
    file,
    message: `${file} holds ${length} bytes and not the ${keyBytes} of a key: it is what Whetstone seals its record and notes with, so nothing is sealed and no seal can be checked`,
    fix: `put it back from a backup, or set it aside: mv "${file}" "${file}.old". A new key is made then; what was sealed before counts as sealed by somebody else, and its hashes still show a change`,
  };
}

function readKey(folder: string): Buffer | null {
  try {
    const key = readFileSync(join(folder, "seal.key"));
    return key.length === keyBytes ? key : null;
  } catch {
    return null;
  }
}

function makeKey(folder: string): Buffer | null {
  const file = join(folder, "seal.key");
  const draft = `${file}.${process.pid}.new`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(draft, randomBytes(keyBytes), { mode: 0o600 });
    chmodSync(draft, 0o600);
    // Of two processes that make one at the same time, the first one's counts.
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") return null;
  }
  try {
    rmSync(draft, { force: true });
  } catch {}
  return readKey(folder);
}

/** Seals a text; `purpose` keeps a seal from being carried to another place. Null where there is no key. */
export function sealed(purpose: string, text: string): Seal | null {
  const key = sealKey();
  return key && { key: nameOf(key), mac: mac(key, purpose, text).toString("hex") };
}

/** `foreign`: made with a key that is not here, so nothing can be said. */
export function checkSeal(purpose: string, text: string, seal: Seal): "holds" | "broken" | "foreign" {
  const key = sealKey();
  if (key === null || seal.key !== nameOf(key)) return "foreign";
  const [own, given] = [mac(key, purpose, text), Buffer.from(seal.mac, "hex")];
  return own.length === given.length && timingSafeEqual(own, given) ? "holds" : "broken";
}

function nameOf(key: Buffer): string {
  return createHash("sha256").update("name of a key\0").update(key).digest("hex").slice(0, 16);
}

function mac(key: Buffer, purpose: string, text: string): Buffer {
  return createHmac("sha256", key).update(purpose).update("\0").update(text).digest();
}

/**
 * Writes a note for a later process, whole or not at all, with its seal in the first line. The seal names the file: a note
 * of another lab does not hold here.
 */
export async function writeNote(file: string, text: string): Promise<void> {
  const seal = sealed(purposeOf(file), text);
  await writeFile(`${file}.new`, `${JSON.stringify(seal)}\n${text}`);
  await rename(`${file}.new`, file);
}

/** The text of a note as Whetstone left it; null where there is none, or its seal does not hold: then it is made anew. */
export async function readNote(file: string): Promise<string | null> {
  const whole = await readFile(file, "utf8").catch(() => null);
  const end = whole?.indexOf("\n") ?? -1;
  if (whole === null || end < 0) return null;
  const text = whole.slice(end + 1);
  try {
    const seal = JSON.parse(whole.slice(0, end)) as Seal | null;
    return seal !== null && checkSeal(purposeOf(file), text, seal) === "holds" ? text : null;
  } catch {
    return null;
  }
}

function purposeOf(file: string): string {
  return `note ${resolve(file)}`;
}

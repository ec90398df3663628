import { createHash } from "node:crypto";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { manifest, manifestHash } from "../../repo/index.ts";
import { keepCaches, look, pinInput, recallCaches } from "./pin.ts";

function laid(files: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), "whet-pin-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const host = join(folder, "input");
  const put = (all: Record<string, string>) => {
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(host, path)), { recursive: true });
      writeFileSync(join(host, path), text);
    }
  };
  mkdirSync(host);
  put(files);
  return { host, put, pin: () => pinInput({ name: "input input", host, folder: join(folder, "kept") }) };
}

/** Files that were written just before are read again: of them nothing is kept. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 2_100));
const lenient = { strict: false };

describe("the pin of an input", () => {
  it("is over paths, content and executable bits: the same as the manifest's", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.stringMatching(/^[a-z]{1,6}(\/[a-z]{1,6}){0,2}\.x$/), fc.string(), { maxKeys: 8 }),
        async (files) => {
          const { host, pin } = laid(files);
          expect((await pin()).hash).toBe(manifestHash(await manifest(host)));
        },
      ),
      { numRuns: 25 },
    );
  });

  it("is the hash of the content for a single file", async () => {
    const { host } = laid({ a: "text" });
    const pinned = await pinInput({
      name: "input a",
      host: join(host, "a"),
      folder: join(host, "..", "kept"),
    });
    expect(pinned.hash).toBe(createHash("sha256").update("text").digest("hex"));
  });

  it("is taken from what was kept: only what was touched is read again", async () => {
    const { host, pin, put } = laid({ a: "one", "b/c": "two", "b/d": "three" });
    expect((await pin()).read).toEqual({ bytes: 11, files: 3 });
    // Written too late to be kept.
    expect((await pin()).read.files).toBe(3);
    await settle();
    await pin();
    expect((await pin()).read).toEqual({ bytes: 0, files: 0 });
    const before = await pin();
    put({ "b/c": "2" });
    const after = await pin();
    expect(after.read).toEqual({ bytes: 1, files: 1 });
    expect(after.hash).not.toBe(before.hash);
    expect(after.changed).toEqual({ from: before.hash, paths: ["b/c"] });
    expect(readFileSync(join(host, "a"), "utf8")).toBe("one");
  });

  it("notices content that was exchanged under the same size and times", async () => {
    const { host, pin } = laid({ a: "one" });
    await settle();
    const before = await pin();
    const { atime, mtime } = statSync(join(host, "a"));
    writeFileSync(join(host, "a"), "two");
    utimesSync(join(host, "a"), atime, mtime);
    expect((await pin()).hash).not.toBe(before.hash);
  });

  it("says how far reading is stopped, and goes on where it was stopped", async () => {
    const { host } = laid(Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`f${n}`, `${n}`])));
    await settle();
    const stop = new AbortController();
    stop.abort();
    const options = { name: "input x", host, folder: join(host, "..", "kept") };
    await expect(pinInput({ ...options, signal: stop.signal })).rejects.toThrow(
      /stopped by hand while input x/,
    );
    expect((await pinInput(options)).read.files).toBe(200);
  });

  it("says the same of a stop while it is still looked through", async () => {
    const { host } = laid({ a: "1", b: "2" });
    const stop = new AbortController();
    const isExcluded = () => {
      // So slow that others get their turn after each file.
      for (const until = performance.now() + 15; performance.now() < until; );
      stop.abort();
      return false;
    };
    const options = { name: "input x", host, folder: join(host, "..", "kept") };
    await expect(pinInput({ ...options, isExcluded, signal: stop.signal })).rejects.toThrow(
      /stopped by hand while input x/,
    );
  });
});

describe("a look at a pinned input", () => {
  it("names the files of which the content changed, came or went", async () => {
    const { host, pin, put } = laid({ a: "1", b: "2", c: "3" });
    const pinned = await pin();
    put({ a: "other", d: "new" });
    renameSync(join(host, "c"), join(host, "e"));
    expect((await look(pinned, lenient)).changed).toEqual(["a", "c", "d", "e"]);
  });

  it("takes no file for changed that was only touched or got another name, except where runs can write", async () => {
    const { host, pin } = laid({ a: "1" });
    const pinned = await pin();
    linkSync(join(host, "a"), join(host, "..", "other"));
    utimesSync(join(host, "a"), new Date(), new Date());
    expect((await look(pinned, { strict: true })).changed).toEqual(["a"]);
    expect((await look(pinned, lenient)).changed).toEqual([]);
    expect((await look(pinned, { strict: true })).changed).toEqual([]);
  });

  it("hides caches that are not as they were pinned, and shows the others", async () => {
    const { pin, put } = laid({
      "p/a.py": "x",
      "p/__pycache__/a.pyc": "1",
      "q/b.py": "",
      "q/__pycache__/b.pyc": "",
    });
    const pinned = await pin();
    expect(await look(pinned, lenient)).toEqual({ changed: [], hidden: [] });
    put({
      "p/__pycache__/a.pyc": "2",
      ".pytest_cache/v/x": "",
      "notes/.ipynb_checkpoints/y": "",
      ".DS_Store": "",
    });
    expect(await look(pinned, lenient)).toEqual({
      changed: [],
      hidden: [".DS_Store", ".pytest_cache", "notes/.ipynb_checkpoints", "p/__pycache__"],
    });
    expect((await look(pinned, lenient)).hidden).toEqual([]);
    expect(pinned.hidden).not.toContain("q/__pycache__");
  });

  it("takes a compiled module without its source for content, and one beside it for a cache", async () => {
    const { pin, put } = laid({ "a.py": "" });
    const pinned = await pin();
    put({ "a.pyc": "x" });
    expect(await look(pinned, lenient)).toEqual({ changed: [], hidden: ["a.pyc"] });
    put({ "b.pyc": "x" });
    expect((await look(pinned, lenient)).changed).toEqual(["b.pyc"]);
  });

  it("takes a folder of a cache's name in node_modules alone for a cache", async () => {
    const { pin, put } = laid({ "node_modules/x/i.js": "" });
    const pinned = await pin();
    put({ "node_modules/.cache/t": "x" });
    expect(await look(pinned, lenient)).toEqual({ changed: [], hidden: ["node_modules/.cache"] });
    put({ ".cache/t": "x" });
    expect((await look(pinned, lenient)).changed).toEqual([".cache/t"]);
  });

  it("follows no links", async () => {
    const { host, pin, put } = laid({ a: "1" });
    symlinkSync("/nowhere", join(host, "link"));
    symlinkSync(".", join(host, "self"));
    const pinned = await pin();
    put({ a: "1" });
    expect((await look(pinned, lenient)).changed).toEqual([]);
  });
});

describe("a process that goes on with a session", () => {
  it("hides caches that came or changed since the session began", async () => {
    const { host, pin, put } = laid({ "a.py": "", "__pycache__/a.pyc": "1", "q/__pycache__/b.pyc": "2" });
    const kept = join(host, "..", "kept");
    const hash = await keepCaches(kept, [await pin()]);
    put({ "__pycache__/c.pyc": "3" });
    const later = await pin();
    await recallCaches(kept, [later], hash);
    expect(later.hidden).toEqual(["__pycache__"]);
  });

  it("hides all of them where nobody knows what the session has seen", async () => {
    const { host, pin } = laid({ "a.py": "", "__pycache__/a.pyc": "1" });
    const later = await pin();
    await recallCaches(join(host, "..", "kept"), [later], "0".repeat(64));
    expect(later.hidden).toEqual(["__pycache__"]);
  });
});

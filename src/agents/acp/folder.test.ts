import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { pathIn, readBeneath, writeBeneath } from "./folder.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "beneath-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

it("a path that an agent names is inside the folder, under either of its names, or null", () => {
  const part = fc.constantFrom("..", ".", "", "a", "b.ts", "w", "home");
  const seen = { host: "/home/copy", seen: "/w" };
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.boolean(), (parts, absolute) => {
      const path = (absolute ? "/w/" : "") + parts.join("/");
      const found = pathIn(seen, "lab", path);
      const really = posix.resolve("/w/lab", path);
      if (found === null) expect(/^\/w\/|^\/home\/copy\//.test(really)).toBe(false);
      else expect([posix.join("/w", found), posix.join("/home/copy", found)]).toContain(really);
    }),
  );
  expect(pathIn(seen, "lab", "file:///w/lab/a b.ts")).toBe("lab/a b.ts");
  expect(pathIn(seen, "lab", "/workspace/a")).toBeNull();
});

it("nothing is read or written through a link, a pipe, a folder or a second name", async () => {
  const outside = folder();
  writeFileSync(join(outside, "secret"), "secret");
  const host = folder();
  mkdirSync(join(host, "real"));
  symlinkSync(outside, join(host, "away"));
  symlinkSync(join(outside, "secret"), join(host, "real", "link"));
  linkSync(join(outside, "secret"), join(host, "real", "twin"));
  execFileSync("mkfifo", [join(host, "real", "pipe")]);
  for (const path of ["away/secret", "real/link", "real/pipe", "real", "", "../x", "real/../../x", "a//b"]) {
    await expect(readBeneath(host, path), path).rejects.toThrow();
    await expect(writeBeneath(host, path, "mine"), path).rejects.toThrow();
  }
  await expect(writeBeneath(host, "real/twin", "mine")).rejects.toThrow(/2 names/);
  expect(readFileSync(join(outside, "secret"), "utf8")).toBe("secret");
});

it("folders above a new file are made, and a file that is not there reads as null", async () => {
  const host = folder();
  expect(await readBeneath(host, "deep/down/new.ts")).toBeNull();
  await writeBeneath(host, "deep/down/new.ts", "one\ntwo\nthree");
  expect(await readBeneath(host, "deep/down/new.ts", { line: 2, limit: 5 })).toBe("two\nthree");
  await expect(writeBeneath(host, "large", "x".repeat(5 * 2 ** 20))).rejects.toThrow(/more than/);
});

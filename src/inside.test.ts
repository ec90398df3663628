import fc from "fast-check";
import { expect, it } from "vitest";
import { inside } from "./inside.ts";

it("a path stays below its folder, or is refused", () => {
  expect(inside("/a/b", "c/d.txt")).toBe("/a/b/c/d.txt");
  expect(inside("/a/b/", "./c/../d")).toBe("/a/b/d");
  for (const path of [
    "",
    ".",
    "..",
    "../b",
    "../bc",
    "c/../../d",
    "/etc/passwd",
    "/a/bc",
    "a\0",
    "../../../../etc/x",
  ])
    expect(() => inside("/a/b", path)).toThrow(/leads out of its folder/);
  const part = fc.constantFrom("..", ".", "a", "", "b.txt", "/", "\0");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      try {
        expect(inside("/a/b", parts.join("/")).startsWith("/a/b/")).toBe(true);
      } catch (error) {
        expect((error as Error).message).toMatch(/leads out/);
      }
    }),
  );
});

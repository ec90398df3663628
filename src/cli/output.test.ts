import { expect, it } from "vitest";
import { asTyped } from "./output.ts";

const npx = { npm_command: "exec" };

it("names commands as they must be typed where npx started this one", () => {
  const text = "Next: `whet run`\n  whet check\nprobe it (whet check --probe), or `whet log`; whet is a word";
  expect(asTyped(text, npx)).toBe(
    "Next: `npx whet run`\n  npx whet check\nprobe it (npx whet check --probe), or `npx whet log`; whet is a word",
  );
  expect(asTyped("review it first: whet review", npx)).toBe("review it first: npx whet review");
  expect(asTyped("whet stone-lab\n", npx)).toBe("whet stone-lab\n");
  expect(asTyped("whet: it failed", npx)).toBe("whet: it failed");
  expect(asTyped(text, {})).toBe(text);
});

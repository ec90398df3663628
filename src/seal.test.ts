import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkSeal, faultOfKey, readNote, type Seal, sealed, stateFolder, writeNote } from "./seal.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "whet-seal-"));
  vi.stubEnv("XDG_STATE_HOME", join(folder, "state"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const otherKey = () => vi.stubEnv("XDG_STATE_HOME", join(folder, "other"));

describe("a seal", () => {
  it("holds for its text and purpose alone, with a key that only its owner reads", () => {
    const seal = sealed("a", "text") as Seal;
    expect(checkSeal("a", "text", seal)).toBe("holds");
    expect(checkSeal("a", "text ", seal)).toBe("broken");
    expect(checkSeal("b", "text", seal)).toBe("broken");
    expect(checkSeal("a", "text", { ...seal, mac: "" })).toBe("broken");
    const file = join(stateFolder(), "seal.key");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(stateFolder()).mode & 0o777).toBe(0o700);
    expect(readFileSync(file).length).toBe(32);
  });

  it("of another machine is foreign, neither right nor wrong", () => {
    const seal = sealed("a", "text") as Seal;
    otherKey();
    expect(checkSeal("a", "text", seal)).toBe("foreign");
    expect(sealed("a", "text")).not.toEqual(seal);
  });

  it("is not made with a file that holds no key; the fault says how a new one is made", () => {
    const seal = sealed("a", "text") as Seal;
    const file = join(stateFolder(), "seal.key");
    expect(faultOfKey()).toBeNull();
    const key = readFileSync(file);
    for (const content of ["", "short"]) {
      otherKey();
      sealed("a", "text");
      vi.stubEnv("XDG_STATE_HOME", join(folder, "state"));
      writeFileSync(file, content);
      expect(sealed("a", "text")).toBeNull();
      expect(checkSeal("a", "text", seal)).toBe("foreign");
      expect(readFileSync(file, "utf8")).toBe(content);
      expect(faultOfKey()).toMatchObject({ file, fix: expect.stringContaining(`mv "${file}"`) });
    }
    // Put back, it holds again; set aside, there is a new one and the old seal is no longer ours.
    writeFileSync(file, key);
    otherKey();
    sealed("a", "text");
    vi.stubEnv("XDG_STATE_HOME", join(folder, "state"));
    expect(checkSeal("a", "text", seal)).toBe("holds");
    rmSync(file);
    expect(faultOfKey()).toBeNull();
  });

  it("is not made where no key can be kept", () => {
    writeFileSync(join(folder, "file"), "");
    vi.stubEnv("XDG_STATE_HOME", join(folder, "file"));
    expect(sealed("a", "text")).toBeNull();
  });
});

describe("a note", () => {
  it("is read back as it was written", async () => {
    const file = join(folder, "note.json");
    for (const text of ["", "{}", "two\nlines\n", "ä漢"]) {
      await writeNote(file, text);
      expect(await readNote(file)).toBe(text);
    }
  });

  it("is as good as none once it was edited, moved, or made with another key", async () => {
    const file = join(folder, "note.json");
    expect(await readNote(file)).toBeNull();
    await writeNote(file, '{"score":"node score.mjs"}');
    const whole = readFileSync(file, "utf8");
    await cp(file, join(folder, "elsewhere.json"));
    expect(await readNote(join(folder, "elsewhere.json"))).toBeNull();
    for (const edited of [
      whole.replace("node", "grep"),
      whole.split("\n")[1] as string,
      `null\n${whole}`,
      "",
      "\n{}",
    ]) {
      writeFileSync(file, edited);
      expect(await readNote(file)).toBeNull();
    }
    writeFileSync(file, whole);
    expect(await readNote(file)).not.toBeNull();
    otherKey();
    expect(await readNote(file)).toBeNull();
  });
});

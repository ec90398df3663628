import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A stand-in for an engine of containers, first on a PATH; see standInEngine.ts for what it shows and what not. */
export interface StandIn {
  /** PATH with the stand-in, and without any real engine. */
  env: { PATH: string };
  image: string;
  /** Gives the image's name to another image. */
  changeImage(): void;
  /** The argument lists with which it was called. */
  calls(): string[][];
}

export function standInEngine(version: "podman 4.3.1" | "docker 28.2.2"): StandIn {
  const state = mkdtempSync(join(tmpdir(), "stand-in-"));
  onTestFinished(() => rmSync(state, { recursive: true, force: true }));
  const bin = join(state, "bin");
  mkdirSync(bin);
  const script = join(import.meta.dirname, "standInEngine.ts");
  const name = version.split(" ")[0] as string;
  const other = name === "podman" ? "docker" : "podman";
  const words = [process.execPath, "--disable-warning=ExperimentalWarning", script, version, state];
  writeFileSync(join(bin, name), `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")} "$@"\n`, {
    mode: 0o755,
  });
  writeFileSync(join(bin, other), "#!/bin/sh\necho not here >&2\nexit 127\n", { mode: 0o755 });
  // Scorers run with the Node that these tests run with.
  symlinkSync(process.execPath, join(bin, "node"));
  writeFileSync(join(state, "image"), "first");
  return {
    env: { PATH: `${bin}:${process.env.PATH}` },
    image: "stand-in/image:1",
    changeImage: () => writeFileSync(join(state, "image"), "second"),
    calls: () => {
      if (!existsSync(join(state, "log"))) return [];
      return readFileSync(join(state, "log"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as string[]);
    },
  };
}

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isShownOfEtc, withHome } from "../bubblewrap/etc.ts";
import { looksSecret } from "../secrets.ts";
import { follow } from "./follow.ts";
import { condaEnvironment, programWords, shebang, venvHome } from "./words.ts";

describe("words of a command", () => {
  it.each([
    ["python3 train.py", ["python3"]],
    ["cd x && FOO=1 .venv/bin/python train.py --lr 3", ["cd", ".venv/bin/python"]],
    ["uv run --frozen train.py", ["uv", "train.py"]],
    ["env -i A=b nice -n 10 /opt/x/bin/tool | tee log", ["env", "nice", "/opt/x/bin/tool", "tee"]],
    ["timeout 30s node a.js > out; if true; then b; fi", ["timeout", "node", "true", "b", "fi"]],
    ["bash -c 'source x; go test'", ["bash", "go"]],
    ["", []],
  ])("name the programs: %s", (command, programs) => {
    expect(programWords(command)).toEqual(programs);
  });

  it("name the Conda environment", () => {
    expect(condaEnvironment("conda run -n my-env python a.py")).toEqual({ name: "my-env" });
    expect(condaEnvironment("micromamba run --prefix /e/x a")).toEqual({ path: "/e/x" });
    expect(condaEnvironment("conda activate x; python -n y")).toBeNull();
  });

  it("name the interpreter of a script", () => {
    expect(shebang("#!/opt/x/bin/python3 -I\n")).toBe("/opt/x/bin/python3");
    expect(shebang("#!/usr/bin/env -S FOO=1 node --x\n")).toBe("node");
    expect(shebang("#!/bin/sh\n'''exec' \"/a b/python\" \"$0\" \"$@\"\n' '''\n")).toBe("/a b/python");
    expect(shebang("print(1)\n")).toBeNull();
    expect(venvHome("include-system-site-packages = false\nhome = /a b/bin \nversion = 3\n")).toBe(
      "/a b/bin",
    );
  });

  it("come from any text without a fault", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        programWords(text);
        condaEnvironment(text);
        shebang(`#!${text}`);
        venvHome(text);
      }),
    );
  });
});

describe("names", () => {
  it.each([
    ...[
      "/h/.ssh/config",
      "/h/.env",
      "/h/.env.local",
      "/h/x.pem",
      "/h/id_ed25519.pub",
      "/h/.netrc",
      "/h/.npmrc",
    ],
    ...["/h/.aws/config", "/h/.git-credentials", "/h/.cargo/credentials.toml", "/h/service-account-x.json"],
  ])("look like a secret: %s", (path) => {
    expect(looksSecret(path)).toBe(true);
  });

  it.each([
    "/h/.env.example",
    "/h/environment.yml",
    "/h/key.py",
    "/h/ssh",
    "/h/.cache/autoresearch",
    "/h/id_map",
  ])("look like none: %s", (path) => {
    expect(looksSecret(path)).toBe(false);
  });

  it("of /etc that are shown hold no passwords", () => {
    for (const name of [
      "shadow",
      "gshadow",
      "shadow-",
      "ssh",
      "sudoers",
      "npmrc",
      "pip.conf",
      "netrc",
      "passwd-",
    ])
      expect(isShownOfEtc(name)).toBe(false);
    for (const name of ["java-21-openjdk", "fonts", "chromium.d", "mime.types", "localtime", "os-release"])
      expect(isShownOfEtc(name)).toBe(true);
  });

  it("give the user that a run has a home of its own", () => {
    const before = "root:x:0:0:root:/root:/bin/bash\nu:x:1000:1000::/home/u:/bin/sh\n";
    expect(withHome(before, 1000, "/x")).toBe(before.replace("/home/u", "/x"));
  });
});

describe("links", () => {
  it("are followed to the end, and a circle leads nowhere", () => {
    const folder = mkdtempSync(join(tmpdir(), "whet-links-"));
    writeFileSync(join(folder, "real"), "");
    symlinkSync("real", join(folder, "b"));
    symlinkSync(join(folder, "b"), join(folder, "a"));
    symlinkSync("round", join(folder, "round"));
    expect(follow(join(folder, "a"))?.real.endsWith("/real")).toBe(true);
    expect(follow(join(folder, "a"))?.links.slice(-2)).toHaveLength(2);
    expect(follow(join(folder, "round"))).toBeNull();
    expect(follow(join(folder, "nowhere/x"))).toBeNull();
    rmSync(folder, { recursive: true });
  });
});

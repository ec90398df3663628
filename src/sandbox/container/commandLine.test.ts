import fc from "fast-check";
import { describe, expect, it } from "vitest";
import known from "../../../tests/support/engineFlags.json" with { type: "json" };
import { UserError } from "../../errors.ts";
import {
  type Container,
  canBeSaid,
  type EngineKind,
  infoArguments,
  inspectArguments,
  listArguments,
  removeArguments,
  runArguments,
} from "./commandLine.ts";

const least: Container = {
  name: "whet-abc-1",
  lab: "abc",
  image: `sha256:${"0".repeat(64)}`,
  numberFile: "/tmp/x/number",
  ...{ uid: 1000, gid: 100, workingFolder: "/w", takesInput: false },
  binds: [{ source: "/tmp/x/shown/0", at: "/w", writable: false }],
  temporary: [{ at: "/tmp", size: 2 ** 26 }],
  ...{ memory: 2 ** 30, tasks: 100, fileSize: 2 ** 20, processors: null, network: false },
  ...{ devices: [], profile: null, userProcesses: 32_768, time: 30_000 },
  command: ["/bin/sh", "/whetstone/start", "true"],
};
const full: Container = {
  ...least,
  ...{ takesInput: true, processors: [0, 2], network: true, profile: "/tmp/x/seccomp.json" },
  devices: ["nvidia.com/gpu=0"],
  binds: [...least.binds, { source: "/tmp/x/shown/1", at: "/out", writable: true }],
};
const engine = (name: EngineKind["name"], more: Partial<EngineKind> = {}): EngineKind => ({
  ...{ name, rootless: false, hasLabels: false },
  ...more,
});
const engines = (["podman", "docker"] as const).flatMap((name) =>
  [false, true].flatMap((rootless) =>
    [false, true].map((hasLabels) => engine(name, { rootless, hasLabels })),
  ),
);

/** The words before the first that is no flag, each with its value. */
function flagsOf(words: readonly string[]): [name: string, value: string | null][] {
  const end = words.findIndex((word) => !word.startsWith("--"));
  return words.slice(0, end < 0 ? words.length : end).map((word) => {
    const [, name = "", value] = /^--([a-z-]+)(?:=([\s\S]*))?$/.exec(word) ?? [];
    return [name, value ?? null];
  });
}

function valuesOf(words: readonly string[], name: string): (string | null)[] {
  return flagsOf(words.slice(1)).flatMap(([flag, value]) => (flag === name ? [value] : []));
}

describe("the command lines of container engines", () => {
  for (const [version, commands] of Object.entries(known)) {
    const name = version.split(" ")[0] as EngineKind["name"];
    it(`use only flags that ${version} lists in its help, with a value where it wants one`, () => {
      const check = (command: keyof typeof commands, words: readonly string[]) => {
        const { values, switches } = commands[command] as { values: string[]; switches: string[] };
        for (const [flag, value] of flagsOf(words)) {
          if (value === null || /^(true|false)$/.test(value))
            expect([...switches, ...values]).toContain(flag);
          else expect(values).toContain(flag);
          if (value === null) expect(switches).toContain(flag);
        }
      };
      for (const each of engines.filter((kind) => kind.name === name))
        for (const container of [least, full]) {
          const [command, ...words] = runArguments(each, container);
          expect(command).toBe("run");
          check("run", words);
        }
      check("rm", removeArguments({ name }, ["a"]).slice(1));
      check("ps", listArguments("abc").slice(1));
      check("image inspect", inspectArguments("python:3.12").slice(2));
      check("info", infoArguments.slice(1));
    });
  }

  it("close what a container has open by itself", () => {
    for (const each of engines) {
      const words = runArguments(each, least);
      expect(valuesOf(words, "network")).toEqual(["none"]);
      expect(valuesOf(words, "pull")).toEqual(["never"]);
      expect(valuesOf(words, "cap-drop")).toEqual(["ALL"]);
      expect(valuesOf(words, "security-opt")).toContain("no-new-privileges");
      expect(valuesOf(words, "security-opt").includes("label=disable")).toBe(each.hasLabels);
      expect(valuesOf(words, "read-only")).toEqual([null]);
      expect(valuesOf(words, "rm")).toEqual([null]);
      expect(valuesOf(words, "memory")).toEqual([`${2 ** 30}b`]);
      expect(valuesOf(words, "memory-swap")).toEqual([`${2 ** 30}b`]);
      expect(valuesOf(words, "pids-limit")).toEqual(["100"]);
      expect(valuesOf(words, "interactive")).toEqual([]);
      expect(words.slice(-3)).toEqual([least.image, "/whetstone/start", "true"]);
      for (const never of ["privileged", "cap-add", "env-host", "env-file", "volume", "pid", "publish"])
        expect(valuesOf(words, never)).toEqual([]);
    }
  });

  it("run as the user, whose number differs in a namespace of docker's", () => {
    const userOf = (kind: EngineKind) =>
      ["userns", "user"].flatMap((name) => valuesOf(runArguments(kind, least), name));
    expect(userOf(engine("podman"))).toEqual(["1000:100"]);
    expect(userOf(engine("docker"))).toEqual(["1000:100"]);
    expect(userOf(engine("podman", { rootless: true }))).toEqual(["keep-id", "1000:100"]);
    expect(userOf(engine("docker", { rootless: true }))).toEqual(["0:0"]);
  });

  it("hand over what is granted", () => {
    const words = runArguments(engine("docker"), full);
    expect(valuesOf(words, "network")).toEqual(["bridge"]);
    expect(valuesOf(words, "device")).toEqual(["nvidia.com/gpu=0"]);
    expect(valuesOf(words, "cpuset-cpus")).toEqual(["0,2"]);
    expect(valuesOf(words, "security-opt")).toContain("seccomp=/tmp/x/seccomp.json");
    expect(valuesOf(words, "mount")).toEqual([
      "type=bind,source=/tmp/x/shown/0,destination=/w,readonly",
      "type=bind,source=/tmp/x/shown/1,destination=/out",
    ]);
    expect(valuesOf(words, "interactive")).toEqual([null]);
  });

  it("say each place as it is, or refuse it: no path opens another mount or makes one writable", () => {
    const hostile = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.constantFrom(
        ...[
          "a,readonly=false",
          "a,source=/etc",
          "a:b",
          "a:rw,exec",
          "-v",
          "--privileged",
          'a"b',
          "a\nb",
          "$(x)",
        ],
        ...["a,type=tmpfs", "ü ö", "a=b", "a\\,b", "..", "'"],
      ),
    );
    fc.assert(
      fc.property(hostile, fc.boolean(), fc.constantFrom(...engines), (path, writable, kind) => {
        const at = `/${path}`;
        const container = { ...least, binds: [{ source: "/tmp/x/shown/0", at, writable }] };
        if (!canBeSaid(at)) {
          expect(() => runArguments(kind, container)).toThrow(UserError);
          return;
        }
        const said = valuesOf(runArguments(kind, container), "mount");
        expect(said).toHaveLength(1);
        // Both engines cut it at commas, and each field at its first equals sign.
        const fields = (said[0] as string).split(",").map((field) => {
          const [, key, value] = /^([^=]*)(?:=([\s\S]*))?$/.exec(field) ?? [];
          return [key, value ?? true];
        });
        expect(fields).toEqual([
          ["type", "bind"],
          ["source", "/tmp/x/shown/0"],
          ["destination", at],
          ...(writable ? [] : [["readonly", true]]),
        ]);
      }),
      { numRuns: 60 },
    );
  });

  it("take no flag for a command and no command for a flag", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.constantFrom(...engines), (rest, kind) => {
        const command: Container["command"] = ["/bin/sh", ...rest];
        const words = runArguments(kind, { ...least, command });
        const image = words.indexOf(least.image);
        expect(
          words
            .slice(0, image)
            .slice(1)
            .every((word) => word.startsWith("--")),
        ).toBe(true);
        expect(words.slice(image + 1)).toEqual(rest);
      }),
    );
  });

  it("refuse names, numbers and labels that are not of Whetstone's making", () => {
    const wrong: Partial<Container>[] = [
      ...["--privileged", "-it", "python:3.12", "sha256:12", ""].map((image) => ({ image })),
      ...["-x", "a b", "", "a=b"].flatMap((name) => [{ name }, { lab: name }]),
      ...[Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY].flatMap((number) => [
        { memory: number },
        { tasks: number },
        { uid: number },
      ]),
      { binds: [{ source: "/a", at: "relative", writable: false }] },
    ];
    for (const each of wrong)
      expect(() => runArguments(engine("docker"), { ...least, ...each }), JSON.stringify(each)).toThrow(
        TypeError,
      );
    const volume = { ...least, temporary: [{ at: "/data:rw", size: 1 }] };
    expect(() => runArguments(engine("docker"), volume)).toThrow(UserError);
    expect(() => removeArguments({ name: "docker" }, ["--all"])).toThrow(TypeError);
  });
});

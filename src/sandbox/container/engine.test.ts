import { describe, expect, it } from "vitest";
import { clientEnvironment } from "./client.ts";
import { engineOf, imageOf } from "./engine.ts";
import { faultOf } from "./open.ts";

describe("what an engine says of itself", () => {
  it("is read from podman's info and docker's", () => {
    const podman = {
      host: { security: { rootless: true, selinuxEnabled: true } },
      version: { Version: "5.2.0" },
    };
    expect(engineOf("podman", JSON.stringify(podman))).toEqual({
      ...{ name: "podman", version: "5.2.0", rootless: true, hasLabels: true },
    });
    const docker = {
      ServerVersion: "28.2.2",
      SecurityOptions: ["name=seccomp,profile=builtin", "name=rootless"],
    };
    expect(engineOf("docker", JSON.stringify(docker))).toEqual({
      ...{ name: "docker", version: "28.2.2", rootless: true, hasLabels: false },
    });
    expect(engineOf("docker", JSON.stringify({ ServerVersion: "20.10.24", SecurityOptions: null }))).toEqual({
      ...{ name: "docker", version: "20.10.24", rootless: false, hasLabels: false },
    });
  });

  it("rules out daemons that do not answer, machines elsewhere, and podman under docker's name", () => {
    const down = { ServerErrors: ["Cannot connect to the Docker daemon"] };
    expect(engineOf("docker", JSON.stringify(down))).toContain("Cannot connect");
    expect(engineOf("podman", JSON.stringify({ host: { serviceIsRemote: true } }))).toContain(
      "another machine",
    );
    expect(engineOf("docker", JSON.stringify({ host: {} }))).toBe("docker is podman here");
    for (const text of ["", "null", "[]", "{"]) expect(engineOf("podman", text)).toBeNull();
  });

  it("tells an image's number and volumes, in one form", () => {
    const number = "ab".repeat(32);
    expect(imageOf("x", JSON.stringify([{ Id: number, Config: { Volumes: { "/data": {} } } }]))).toEqual({
      ...{ name: "x", number: `sha256:${number}`, volumes: ["/data"] },
    });
    expect(imageOf("x", JSON.stringify([{ Id: `sha256:${number}` }]))?.number).toBe(`sha256:${number}`);
    for (const text of ["", "[]", "null", JSON.stringify([{ Id: "--privileged" }])])
      expect(imageOf("x", text)).toBeNull();
  });

  it("hears nothing of the user's environment but where the engine is", () => {
    const all = {
      PATH: "/bin",
      HOME: "/h",
      DOCKER_HOST: "unix:///x",
      AWS_SECRET_ACCESS_KEY: "k",
      LD_PRELOAD: "/e",
    };
    expect(clientEnvironment(all)).toEqual({ PATH: "/bin", HOME: "/h", DOCKER_HOST: "unix:///x" });
  });
});

describe("the canary of a container", () => {
  const good = [
    ...["started", "tree untouched", "CapPrm: 0000000000000000", "CapEff: 0000000000000000"],
    ...["CapBnd: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2", `memory ${2 ** 28}`, "tasks 128"],
  ];
  const judged = (lines: readonly string[]) =>
    faultOf({ ending: "ok", stdout: lines.join("\n"), stderr: "no such program", message: "" });

  it("finds nothing wrong where all is kept", () => {
    expect(judged(good)).toBeNull();
  });

  it.each([
    ["no start", good.slice(1), "no such program"],
    ["no tree", good.toSpliced(1, 1), "not there"],
    ["a writable tree", [...good, "wrote-tree"], "could be written"],
    ["a writable root", [...good, "wrote-root"], "could be written"],
    ["the host", [...good, "host"], "host"],
    ["a network", [...good, "interface"], "network"],
    ["rights", good.with(3, "CapEff: 00000000a80425fb"), "rights"],
    ["rights to gain", good.with(5, "NoNewPrivs: 0"), "gain"],
    ["no filter", good.with(6, "Seccomp: 0"), "seccomp"],
    ["no limit of memory", good.with(7, "memory max"), "memory"],
    ["no limit of memory, by a number", good.with(7, "memory 9223372036854771712"), "memory"],
    ["no limit of processes", good.toSpliced(8, 1), "processes"],
  ])("tells of %s", (_, lines, word) => {
    expect(judged(lines)).toContain(word);
  });
});

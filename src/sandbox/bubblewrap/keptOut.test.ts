import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type Limits, openSandbox } from "../index.ts";
import { keptOut, withCovers } from "./keptOut.ts";

const top = realpathSync(mkdtempSync(join(tmpdir(), "whet-kept-")));
afterAll(() => rmSync(top, { recursive: true, force: true }));
const lab = join(top, "data", "lab");
mkdirSync(join(lab, "extra"), { recursive: true });
writeFileSync(join(lab, "answers"), "secret answers");
writeFileSync(join(lab, "extra", "given"), "given");
writeFileSync(join(top, "data", "rows"), "rows");
symlinkSync(lab, join(top, "link"));

describe("what is kept out", () => {
  it("is known by its real path, and by every other mount of the same folder", () => {
    const info = [
      `22 1 8:1 / / rw - ext4 /dev/sda1 rw`,
      `23 22 8:2 / ${top} rw - ext4 /dev/sdb1 rw`,
      `24 22 8:2 /data ${join(top, "data", "lab", "extra")} rw - ext4 /dev/sdb1 rw`,
      `25 22 8:2 /elsewhere /mnt/other rw - ext4 /dev/sdb1 rw`,
    ].join("\n");
    const paths = keptOut([join(top, "link"), join(top, "missing")], info).map(({ path }) => path);
    // The second mount would show the lab at its own `lab`, which is not there on this machine.
    expect(paths).toEqual([lab]);
    expect(keptOut([join(lab, "answers")], "")).toEqual([{ path: join(lab, "answers"), isFolder: false }]);
  });

  it("reads places with spaces as the kernel writes them", () => {
    const spaced = join(top, "a b");
    mkdirSync(join(spaced, "lab"), { recursive: true });
    const info = [
      `23 1 8:2 /data / rw - ext4 /dev/sdb1 rw`,
      `24 1 8:2 /data${top} ${spaced.replaceAll(" ", "\\040")} rw - ext4 /dev/sdb1 rw`,
    ].join("\n");
    mkdirSync(join(spaced, "data"), { recursive: true });
    expect(keptOut([join(top, "data")], info).map(({ path }) => path)).toContain(join(spaced, "data"));
  });

  it("is covered below every bind, at once, and made read-only at the end", () => {
    const kept = [
      { path: "/usr/src/app", isFolder: true },
      { path: "/usr/src/app/.git", isFolder: true },
      { path: "/usr/secret", isFolder: false },
    ];
    const same = (path: string) => path;
    const args = ["--ro-bind", "/usr", "/usr", "--tmpfs", "/tmp", "--bind-try", "/usr/src", "/opt/x"];
    expect(withCovers(args, kept, "/empty", same)).toEqual([
      ...["--ro-bind", "/usr", "/usr", "--tmpfs", "/usr/src/app", "--ro-bind", "/empty", "/usr/secret"],
      ...["--tmpfs", "/tmp", "--bind-try", "/usr/src", "/opt/x", "--tmpfs", "/opt/x/app"],
      ...["--remount-ro", "/usr/src/app", "--remount-ro", "/opt/x/app"],
    ]);
    // The tree itself, and what an order names within, is meant to be seen.
    const named = ["--ro-bind", "/usr/src/app/work/slot", "/w"];
    expect(withCovers(named, kept, "/empty", same)).toEqual(named);
    expect(withCovers(["--ro-bind", "/usr/src/app", "/w"], kept, "/empty", same)).toEqual([
      ...["--ro-bind", "/usr/src/app", "/w", "--tmpfs", "/w/.git", "--remount-ro", "/w/.git"],
    ]);
  });
});

const limits: Limits = {
  ...{ time: 20_000, memory: 2 ** 28, processes: 60, fileSize: 2 ** 20, disk: 2 ** 20, output: 2 ** 20 },
  network: false,
};

const sandbox = await openSandbox({ keepOut: [lab] });

describe.runIf(sandbox.isolation.level === "L2")("a sandbox that keeps a lab out", () => {
  const run = (
    command: string,
    host: string,
    at: string,
    more: { host: string; at: { path: string } }[] = [],
  ) =>
    sandbox.start({
      ...{ command, tree: join(lab, "extra"), cwd: "", hidden: [], env: {}, limits },
      mounts: [
        { host, at: { path: at }, writable: false },
        ...more.map((each) => ({ ...each, writable: false })),
      ],
    }).done;

  it("shows nothing of it below a folder that an order names, nor through a link to that folder", async () => {
    symlinkSync(join(top, "data"), join(top, "data-link"));
    for (const host of [join(top, "data"), top, join(top, "data-link")]) {
      const outcome = await run(
        "cat /seen/rows /seen/data/rows; find /seen -name answers | xargs cat",
        host,
        "/seen",
      );
      expect(outcome.stdout).toBe("rows");
    }
  });

  it("shows what an order names within it, and refuses to write beside", async () => {
    const place = join(lab, "extra");
    const outcome = await run(`cat ${place}/given; ls ${lab}; echo x > ${lab}/new`, top, top, [
      { host: place, at: { path: place } },
    ]);
    expect(outcome.stdout).toBe("givenextra\n");
    expect(outcome.stderr).toMatch(/Read-only/);
  });

  it("passes what it is told by a descriptor: no value of the environment stands among arguments", async () => {
    const order = { tree: join(lab, "extra"), cwd: "", mounts: [], hidden: [], limits };
    const running = sandbox.start({
      ...{ ...order, stdin: "pipe", env: { SECRET: `hush-${process.pid}-hush` } },
      command: "read line; echo $SECRET; ls -l /proc/self/fd | grep -c -e socket -e pipe",
    });
    const { execFileSync } = await import("node:child_process");
    let listed = "";
    for (let look = 0; look < 200 && !listed.includes("bwrap --args"); look++)
      listed = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
    expect(listed).toContain("bwrap --args");
    expect(listed).not.toContain(`hush-${process.pid}-hush`);
    running.write("go");
    const outcome = await running.done;
    // The standard streams alone; in the middle of this pipeline, one of them is the pipeline's own.
    expect(outcome.stdout).toBe(`hush-${process.pid}-hush\n3\n`);
  });
});

import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { locate } from "./program.ts";

const place = realpathSync(mkdtempSync(join(tmpdir(), "whet-program-")));
afterAll(() => rmSync(place, { recursive: true, force: true }));

function file(path: string, isProgram = true): string {
  const whole = join(place, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, "#!/bin/sh\n");
  if (isProgram) chmodSync(whole, 0o755);
  return whole;
}

/** A repository with a private file, a folder of programs in it, and the working copy of an agent. */
const repo = join(place, "work", "repo");
mkdirSync(join(repo, ".git"), { recursive: true });
for (const path of ["agent.sh", "bin/tool", "private/key", ".whetstone/ledger.db", ".git/config", "draft.sh"])
  file(`work/repo/${path}`);
for (const path of ["agent.sh", "bin/tool", ".git/config"]) file(`copy/${path}`);
const env = { HOME: join(place, "home"), PATH: [join(repo, "bin"), join(place, "home/bin")].join(":") };
mkdirSync(join(place, "state"));
const view = { keptOut: [repo, join(place, "state")], tree: join(place, "copy"), linked: [] };
const shown = (command: string) => locate({ shell: command }, env, view);
const paths = (command: string) => {
  const located = shown(command);
  return "missing" in located ? located.missing : located.readable;
};

describe("what is shown for a program", () => {
  it("is the program's folder where it lies in one of its own, with the files that are named, each alone", () => {
    const tool = file("tools/agent/run.sh");
    const data = file("data/one.txt", false);
    expect(paths(`${tool} --file=${data}`)).toEqual([dirname(tool), data]);
    expect(paths(`node ${file("tools/js/main.mjs")} ${data}`)).toEqual([join(place, "tools/js"), data]);
    expect(paths(`${tool} ${dirname(data)}`)).toEqual([dirname(tool)]);
  });

  it("is a whole node_modules folder of a package outside of the repository", () => {
    const tool = file("home/.nvm/lib/node_modules/agent/cli.js");
    expect(paths(tool)).toEqual([join(place, "home/.nvm/lib/node_modules")]);
  });

  it("is the file alone in the repository, beside it and at home", () => {
    expect(paths(`${repo}/agent.sh`)).toEqual([join(repo, "agent.sh")]);
    expect(paths("tool")).toEqual([join(repo, "bin/tool")]);
    const beside = file("work/other.sh");
    expect(paths(beside)).toEqual([beside]);
    const own = file("home/bin/mine");
    expect(paths("mine")).toEqual([own]);
    expect(paths(own)).toEqual([own]);
    const notes = file("home/notes/agent.py");
    expect(paths(`python3 ${notes}`)).toEqual([notes]);
    // A dot folder may be an installer's; one that holds keys by its name is not.
    const besideKeys = file("home/.aws/helper.sh");
    expect(paths(besideKeys)).toEqual([besideKeys]);
  });

  it.each(["private/key", ".whetstone/ledger.db", ".git/config", "draft.sh"])(
    "is nothing of the repository's %s, and it is said what to do",
    (path) => {
      symlinkSync(join(repo, path), join(place, `link-${path.replaceAll("/", "-")}`));
      for (const named of [join(repo, path), join(place, `link-${path.replaceAll("/", "-")}`)])
        for (const command of [named, `sh ${named}`, `echo --file=${named}`])
          expect(paths(command)).toMatch(/is not shown to an agent: .*keep the program outside/);
    },
  );

  it("is not limited where nothing is hidden from the agent anyway", () => {
    const located = locate({ shell: `sh ${repo}/draft.sh` }, env, null);
    expect(located).toMatchObject({ readable: [repo] });
  });
});

import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { git, repository } from "../../tests/support/lab.ts";
import { branchObstacle, checkpoint } from "./checkpoint.ts";
import { openRepo } from "./repo.ts";
import { textsAt } from "./texts.ts";

const commit = (folder: string, text: string) => {
  writeFileSync(join(folder, "a.txt"), text);
  git(folder, "commit", "-q", "-a", "-m", text);
  return git(folder, "rev-parse", "HEAD").trim();
};

it("puts the files of any commit on top of a branch, once, and past a lock that a killed git left", async () => {
  const folder = repository({ "a.txt": "start\n" });
  const base = git(folder, "rev-parse", "HEAD").trim();
  const [one, two] = [commit(folder, "one"), commit(folder, "two")];
  const repo = await openRepo(folder);
  const put = (state: string, when: number) =>
    checkpoint(repo, "own/branch", { commit: state, base, message: `at ${when}\n`, when });
  const first = await put(two, 1000);
  expect(await put(two, 1000)).toBe(first);
  mkdirSync(join(folder, ".git/refs/heads/own"), { recursive: true });
  const lock = join(folder, ".git/refs/heads/own/branch.lock");
  writeFileSync(lock, "");
  utimesSync(lock, new Date(0), new Date(0));
  const second = await put(one, 2000);
  expect(git(folder, "show", "own/branch:a.txt")).toBe("one");
  expect(git(folder, "rev-list", `${base}..own/branch`).trim().split("\n")).toEqual([second, first]);
  expect(git(folder, "rev-parse", "HEAD").trim()).toBe(two);
  git(folder, "switch", "-q", "own/branch");
  await expect(put(two, 3000)).rejects.toThrow("is checked out");
});

it("undoes nobody's commit, and goes on after a kill between mark and branch", async () => {
  const folder = repository({ "a.txt": "start\n" });
  const base = git(folder, "rev-parse", "HEAD").trim();
  const [one, two] = [commit(folder, "one"), commit(folder, "two")];
  const repo = await openRepo(folder);
  const put = (state: string, when: number) =>
    checkpoint(repo, "own", { commit: state, base, message: `at ${when}\n`, when });
  expect(await branchObstacle(repo, "own")).toBeNull();
  const first = await put(one, 1000);
  const second = await put(two, 2000);
  // Killed after the mark was set: the branch is one commit behind.
  git(folder, "update-ref", "refs/heads/own", first);
  expect(await branchObstacle(repo, "own")).toBeNull();
  expect(await put(two, 2000)).toBe(second);
  const mine = git(folder, "commit-tree", "-p", second, "-m", "mine", `${one}^{tree}`).trim();
  git(folder, "update-ref", "refs/heads/own", mine);
  expect(await branchObstacle(repo, "own")).toBe("foreign");
  await expect(put(two, 3000)).rejects.toThrow("not Whetstone's");
  expect(git(folder, "rev-parse", "own").trim()).toBe(mine);
  git(folder, "branch", "other");
  expect(await branchObstacle(repo, "other")).toBe("foreign");
});

it("reads files of a commit by their exact names", async () => {
  const folder = repository({ "a*.txt": "star", "ab.txt": "b", "sub/c.txt": "c" });
  const repo = await openRepo(folder);
  expect(await textsAt(repo, repo.head, ["a*.txt", "sub/c.txt", "sub", "none"])).toEqual({
    ...{ "a*.txt": "star", "sub/c.txt": "c", sub: null, none: null },
  });
});

import { lstat, realpath } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Contract } from "../../contract/index.ts";
import { ContractError } from "../../errors.ts";
import { mayChange, type Repo } from "../../repo/index.ts";
import type { Mount } from "../../sandbox/index.ts";
import { exists } from "../files.ts";
import { type Declared, declaredInputs, missingBelow } from "./declared.ts";
import { holdsWhetstoneAlone, installedPlaces } from "./packages.ts";

/** An input that is about to be pinned and shown. */
export interface Input {
  /** As pins and messages call it: `input data`. */
  name: string;
  host: string;
  /** Where runs see it. */
  places: Mount["at"][];
  isExcluded: (path: string) => boolean;
}

export interface Inputs {
  inputs: Input[];
  /** What a person should know about what they named, a sentence each. */
  remarks: string[];
}

/**
 * `inputs` of the contract, and every untracked `node_modules` from the lab up to the repository's root and beside a
 * committed package.json, but for one that is there for Whetstone alone: no run needs it.
 *
 * @param base the laid-out commit.
 * @param places paths in the base at which an earlier process placed inputs: they are no part of the commit.
 * @throws ContractError for what is missing or cannot be shown.
 */
export async function inputsOf(
  repo: Repo,
  contract: Contract,
  base: string,
  places: readonly string[],
): Promise<Inputs> {
  const found: Inputs = { inputs: [], remarks: [] };
  const isCommitted = async (at: string) => !places.includes(at) && (await exists(join(base, at)));
  const whose = { root: repo.root, lab: repo.labPath, isCommitted };
  for (const declared of await declaredInputs(contract.inputs, whose)) {
    const { at } = declared;
    if (typeof at !== "string") found.inputs.push(outsideInput(declared, at.path));
    else if (await isCommitted(at)) await partOf(repo, declared, at, isCommitted, found);
    else found.inputs.push(treeInput(at, declared.host, declared.isExcluded));
    if (typeof at === "string" && isEditable(contract, posix.relative(repo.labPath, at)))
      throw new ContractError(
        ["inputs", declared.input],
        `\`${declared.written}\` is both editable and pinned`,
        "a path that `change` does not match",
      );
  }
  const taken = new Set(found.inputs.flatMap(({ places: all }) => all));
  for (const at of await installedPlaces(base, repo.labPath))
    if (
      !taken.has(at) &&
      (await exists(join(repo.root, at))) &&
      !(await isCommitted(at)) &&
      !(await holdsWhetstoneAlone(join(repo.root, at)))
    )
      found.inputs.push(treeInput(at, await realpath(join(repo.root, at)), () => false));
  return found;
}

function isEditable({ change }: Contract, path: string): boolean {
  return mayChange(change, path) || mayChange(change, `${path}/x`);
}

function treeInput(at: string, host: string, isExcluded: Input["isExcluded"]): Input {
  return { name: `input ${at}`, host, places: [at], isExcluded };
}

/** Shown where it lies and, for `~`, below the run's own home folder too: programs look for it in either. */
function outsideInput({ written, host, home, isExcluded }: Declared, path: string): Input {
  return {
    name: `input ${written}`,
    host,
    places: [{ path }, ...(home === null ? [] : [{ home }])],
    isExcluded,
  };
}

/** Of what git knows already only the rest is an input: the base holds the committed content. */
async function partOf(
  repo: Repo,
  { written, host, isExcluded }: Declared,
  at: string,
  isCommitted: (at: string) => Promise<boolean>,
  found: Inputs,
): Promise<void> {
  const isFolder = (await lstat(host).catch(() => null))?.isDirectory() ?? false;
  const rest = isFolder ? await missingBelow(repo.root, at, isCommitted) : [];
  for (const path of rest)
    if (!isExcluded(posix.relative(at, path)))
      found.inputs.push(
        treeInput(path, await realpath(join(repo.root, path)), (inner) =>
          isExcluded(posix.join(posix.relative(at, path), inner)),
        ),
      );
  if (rest.length > 200)
    throw new ContractError(
      ["inputs", written],
      `the input ${written} is a folder of which git knows a part, and more than 200 other paths lie in it`,
      "a folder in it that git does not know",
    );
  if (rest.length === 0)
    found.remarks.push(
      `the input ${written} is committed, so naming it changes nothing: what is measured is its committed content`,
    );
}

export { checkoutBase } from "./base.ts";
export { branchObstacle, checkpoint } from "./checkpoint.ts";
export { cloneRepo } from "./clone.ts";
export {
  branchesBelow,
  bringBranch,
  identity,
  type NewCommit,
  recordCandidate,
  recordKeep,
  recordReview,
  rememberIdentity,
  switchAway,
  worktreeOf,
} from "./commits.ts";
export { diffText, lineCounts } from "./diff.ts";
export { inFolder, NoWay, wayFault } from "./gate.ts";
export {
  baseLimits,
  type Changes,
  contentHash,
  type Harvest,
  type HarvestLimits,
  harvest,
  harvestChanges,
  mayChange,
  pathFault,
  type Violation,
} from "./harvest.ts";
export { ignoredPaths } from "./ignored.ts";
export {
  type CommitFacts,
  commitFacts,
  differingPaths,
  editableFiles,
  forwardBranch,
  isAncestor,
  pathsAt,
  refsBelow,
  removeLocks,
  restoreRef,
  staleLocks,
} from "./inspect.ts";
export { isCache } from "./leftovers.ts";
export {
  changedSince,
  type Manifest,
  manifest,
  manifestHash,
  type Stamp,
  type StampOptions,
  stamp,
} from "./manifest.ts";
export { applyChange } from "./merge.ts";
export { overlay, restore } from "./overlay.ts";
export { submodulesAt } from "./partial.ts";
export { layOutPointed } from "./pointed.ts";
export {
  branchTip,
  createBranch,
  type Dirty,
  dirty,
  foldersOf,
  isAt,
  openRepo,
  type Repo,
  uncommitted,
} from "./repo.ts";
export { scratchRepo } from "./scratch.ts";
export { textsAt } from "./texts.ts";
export { workingState } from "./workingState.ts";

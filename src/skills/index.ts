export {
  carriedSkills,
  type DiscoverOptions,
  type Discovery,
  discoverSkills,
  type Found,
} from "./discover.ts";
export { type Ancestor, withEvolution } from "./evolution.ts";
export { readSkillFolder, type SkillFolder } from "./folder.ts";
export { textsForAgents } from "./forAgents.ts";

export {
  assignUses,
  type FolderInjection,
  type InjectOptions,
  injectIntoFolder,
  injectIntoPrompt,
  type LoadSkillTool,
  layDownFiles,
  loadSkill,
  type Offered,
  type PromptInjection,
  recordLoaded,
  tokensOf,
} from "./inject.ts";
export {
  addSkill,
  addVersion,
  archiveSkill,
  type Claim,
  diffVersions,
  freeName,
  isProven,
  lineageOf,
  type NewSkill,
  type NewVersion,
  type Provenance,
  pinSkill,
  type RelationKind,
  relateSkills,
  relationKinds,
  relationsOf,
  requireSkill,
  restoreSkill,
  rollbackSkill,
  type Settlement,
  setStatus,
  settleVersion,
  skillOf,
  skillOfVersion,
  sourcesOf,
  unpinSkill,
  unrelateSkills,
  type VersionKey,
} from "./library.ts";
export { loadedSkills } from "./loaded.ts";
export {
  type CatalogueEntry,
  catalogueOf,
  type Match,
  matchSkills,
  type SkillTask,
} from "./match.ts";
export { type ParsedSkill, parseSkill } from "./parse.ts";
export { type Payback, paybackOf } from "./payback.ts";
export { fromRicher, isRicher, type Measured, toRicher } from "./richer.ts";
export { hasLibrary, libraryRoot, withLibrary } from "./root.ts";
export { allowedName } from "./rules.ts";
export type { Skill, SkillStatus } from "./skill.ts";

export { substanceHash } from "./substance.ts";
export { validateSkill } from "./validate.ts";
export { filesOf, skillText, writeFolder, writeSkill } from "./write.ts";

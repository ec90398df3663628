export { askJson } from "./askJson.ts";
export { surpriseOf } from "./beginning.ts";
export { layOut } from "./copy.ts";
export type { GoalEvent } from "./events.ts";
export { goalFiles } from "./files.ts";
export type * from "./goal.ts";
export {
  commandCriterion,
  goalFromText,
  goalHash,
  isMeantAsGoal,
  type ParsedGoal,
  parseGoal,
  rubricCriterion,
} from "./goalFile.ts";
export { isTestSettings, openJudges, openJudgesWords, ownOf, scriptsIn } from "./judging.ts";
export { kinshipWarnings, needsJudge, otherJudge } from "./kinship.ts";
export { goalLeftovers, sweepGoals, trialFolder } from "./leftovers.ts";
export type { ModelAgent } from "./modelAgent.ts";
export { openGoals } from "./root.ts";
export { type GoalResult, type RunGoalOptions, runGoal } from "./runGoal.ts";
export { librarySkills, type SkillSource, type TaskSkills } from "./skillSource.ts";
export { equipped, type Member, openTeam } from "./team.ts";

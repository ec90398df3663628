export { type AgentFile, discoverAgents, parseAgent } from "./agentFile.ts";
export { familyOf, feedbackOf, type GoalEvaluation, weightedScore } from "./evaluator.ts";
export type { GoalEvent } from "./events.ts";
export type * from "./goal.ts";
export {
  commandCriterion,
  goalFromText,
  goalHash,
  type ParsedGoal,
  parseGoal,
  rubricCriterion,
} from "./goalFile.ts";
export { type Golden, goldenPlans, goldenScore } from "./golden.ts";
export { type Assignment, assignTasks, type Candidate, type PastTask } from "./matcher.ts";
export { type ModelAgent, modelAgent } from "./modelAgent.ts";
export { type GoalResult, type RunGoalOptions, runGoal } from "./runGoal.ts";
export { givenSkills, type SkillSource, type TaskSkills } from "./skillSource.ts";
export { type Member, openTeam } from "./team.ts";
export { allowedTools, builtInTools } from "./tools/index.ts";

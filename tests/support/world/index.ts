export { type Task, tasks, writeGoals } from "./family.ts";
export { type Candidate, startWorld, type Truth } from "./world.ts";

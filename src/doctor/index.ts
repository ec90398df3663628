export { type Diagnosis, examineLab } from "./doctor.ts";
export { type Finding, ill, well } from "./finding.ts";
export { type ReplayReport, replayLab } from "./replay.ts";

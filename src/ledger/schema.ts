import type { ColumnType, Generated } from "kysely";

/** JSON kept as text; parsed by the functions that read it. */
type Json = string;
/** Written once with the row, changed later by name only. */
type Later<T> = ColumnType<T | null, T | null | undefined, T | null>;

/** The tables, in the words of docs/design.md. Times are milliseconds since the epoch. */
export interface Schema {
  sessions: SessionTable;
  experiments: ExperimentTable;
  changes: ChangeTable;
  evaluations: EvaluationTable;
  decisions: DecisionTable;
  audits: AuditTable;
  violations: ViolationTable;
  costs: CostTable;
  reviews: ReviewTable;
  probes: ProbeTable;
  turns: TurnTable;
  traceEvents: TraceEventTable;
  transcripts: TranscriptTable;
  ideas: IdeaTable;
  steering: SteeringTable;
  goals: GoalTable;
  goalIterations: GoalIterationTable;
  tasks: TaskTable;
  goalEvaluations: GoalEvaluationTable;
  goldenStandards: GoldenStandardTable;
  skills: SkillTable;
  skillVersions: SkillVersionTable;
  skillEvaluations: SkillEvaluationTable;
  trials: TrialTable;
  skillRelations: SkillRelationTable;
  skillUses: SkillUseTable;
  sealedOpenings: SealedOpeningTable;
  modelCalls: ModelCallTable;
  links: LinkTable;
  events: EventTable;
  boxes: BoxTable;
  boxedExperiments: BoxedExperimentTable;
}

/** The chain over the rows that tell what was measured or decided; see chain.ts. */
export interface LinkTable {
  id: Generated<number>;
  /** Name of the table, or `beginning`. */
  of: string;
  rowId: number;
  /** Hash of what was recorded. */
  content: string;
  /** Over the link before and this one. */
  hash: string;
  /** Name of the key and HMAC; null where there was no key. */
  seal: string | null;
}

/** The sandbox of an agent that drives; see boxes.ts. */
export interface BoxTable {
  id: Generated<number>;
  sessionId: number;
  key: string;
  isolation: Json;
  startedAt: number;
}

export interface BoxedExperimentTable {
  experimentId: number;
  boxId: number;
}

/** What a session told while it ran; the newest events alone are kept. */
export interface EventTable {
  id: Generated<number>;
  sessionId: number;
  at: number;
  /** Type of a `SessionEvent`. */
  type: string;
  /** The rest of it. */
  data: Json;
}

export interface SessionTable {
  id: Generated<number>;
  tag: string;
  branch: string;
  /** `program.md` as it was parsed, whole. */
  program: string;
  programHash: string;
  baseCommit: string;
  baseTree: string;
  /** Content hash of the untouched editable files. */
  baseState: string;
  /** Hash over everything that judges, and its parts by name. */
  pins: string;
  pinParts: Json;
  researcher: string;
  seed: number;
  /** Hex; the scorers' secret inputs are derived from it. */
  secret: string;
  channel: string;
  level: string;
  isolation: Json;
  /** `ready`: baseline measured, not begun. `running`: somebody holds it. `stopped`: can go on. */
  status: "baseline" | "ready" | "running" | "stopped";
  stopReason: Later<string>;
  /** The process that runs the session: `<pid>:<start time>`; null when nobody does. */
  holder: Later<string>;
  createdAt: number;
  startedAt: Later<number>;
  endedAt: Later<number>;
  /** Milliseconds that earlier runs of this session took. */
  spentMs: Generated<number>;
  /** 1, and one more each time that the kept states were measured again under another yardstick. */
  epoch: Generated<number>;
  /** Hash of the holdout's scorer and data: looks at the same data count together. Null without a holdout. */
  holdoutData: string | null;
  /** The session whose keeps this one measures again. */
  rescoredFrom: number | null;
  /** Since when a person wants no new experiment; null: go on. */
  pausedAt: Later<number>;
}

export interface ExperimentTable {
  id: Generated<number>;
  sessionId: number;
  /** 1-based within the session. */
  number: number;
  /** Content hash of the candidate's editable files, and of what its working copy held besides that it must not. */
  state: string;
  /** The incumbent when it was proposed: its experiment number (0: the baseline) and state. */
  parent: number;
  parentState: string;
  researcher: string;
  what: string;
  mechanism: string | null;
  prediction: string | null;
  added: number;
  removed: number;
  /** Commit under refs/whetstone/. */
  commitId: Later<string>;
  proposedAt: number;
  verdict: Later<"confirmed" | "refuted">;
  lesson: Later<string>;
}

export interface ChangeTable {
  experimentId: number;
  /** `{path: text | null}` after and before. */
  after: Json;
  before: Json;
  diff: string;
}

export interface EvaluationTable {
  id: Generated<number>;
  sessionId: number;
  /** Null for the baseline's runs and an audit's. */
  experimentId: number | null;
  auditId: number | null;
  /** 0-based position among the runs of its experiment, audit or baseline: the order of the decision's questions. */
  position: number;
  arm: "candidate" | "incumbent" | "baseline";
  purpose: string;
  round: number;
  state: string;
  seed: number;
  value: number | null;
  metrics: Json;
  failureKind: string | null;
  failureMessage: string | null;
  startedAt: number;
  wallMs: number;
  cpuMs: number;
  peakBytes: number;
  exitCode: number | null;
  logTail: string;
  checks: Json;
  channel: string;
  level: string;
  pins: string;
  /** The rung of the ladder; null: the last, full one. */
  stage: string | null;
  /** What else the machine did meanwhile; null where the system does not say. */
  machine: Json | null;
  /** Of the whole evaluation, scoring and checks included, once it was its turn; null in old ledgers. */
  spentMs: number | null;
  /** What it used of its grants (`Used` of the relay room); null where nothing was granted that is counted. */
  used: Json | null;
}

/** A call of a model that the contract grants, by a run or a scorer. */
export interface ModelCallTable {
  id: Generated<number>;
  sessionId: number;
  asker: "run" | "score";
  /** `provider/model`. */
  model: string;
  /** Names the request and the pair that share the answer; null where nothing is cached. */
  key: string | null;
  contentType: string | null;
  answer: Buffer | null;
  /** Of the provider's answer; 0: it could not be reached, or broke off. */
  status: number;
  tokensIn: number;
  tokensOut: number;
  /** At list price; null where no price is known. */
  dollars: number | null;
  startedAt: number;
  wallMs: number;
}

export interface DecisionTable {
  experimentId: number;
  kind: "keep" | "discard" | "crash" | "timeout" | "invalid";
  effect: number | null;
  low: number | null;
  high: number | null;
  p: number | null;
  pReal: number | null;
  t: number | null;
  df: number | null;
  pairs: number;
  provisional: number;
  reason: string;
  /** Mean of the candidate's runs; null when none succeeded. */
  value: number | null;
  runs: number;
  peakBytes: number | null;
  wallMs: number;
  decidedAt: number;
  /** The commit on the session branch, once it is made. */
  keepCommit: Later<string>;
  /** How the candidate did on each rung below the last: `Rung[]`; null without a ladder. */
  stages: Json | null;
  /** Why a keep waits for a person's review; null when nobody needs to look. */
  doubt: string | null;
  /** 1 when the candidate was good enough to be raced. */
  raced: Generated<number>;
  /** The head start without which simpler code would not have been kept, in the metric's unit. */
  allowance: Generated<number>;
}

export interface AuditTable {
  id: Generated<number>;
  sessionId: number;
  /**
   * `final`: baseline against final, the headline. `sealed`: the same on the third split, opened once. `ablation`: the
   * final state without some keeps against the whole. `review`: some keeps alone against the baseline.
   */
  kind: Generated<"final" | "sealed" | "ablation" | "review">;
  /** The state that it is compared with; null: the base state. */
  against: string | null;
  /** `ablation`, `review`: the numbers of the experiments left out, or taken alone. */
  subject: Json | null;
  finalState: string;
  /** The experiment whose state is audited. */
  experiment: number;
  /** Pairs asked for. */
  pairs: number;
  startedAt: number;
  endedAt: Later<number>;
  baselineMean: Later<number>;
  finalMean: Later<number>;
  effect: Later<number>;
  low: Later<number>;
  high: Later<number>;
}

export interface ViolationTable {
  id: Generated<number>;
  experimentId: number;
  path: string;
  kind: string;
  detail: string;
}

export interface CostTable {
  id: Generated<number>;
  experimentId: number;
  /** What was paid for: `propose`, `evaluate`. */
  kind: string;
  ms: number;
  /** Null is unknown, never zero. */
  tokensIn: number | null;
  tokensOut: number | null;
  dollars: number | null;
}

export interface ReviewTable {
  id: Generated<number>;
  experimentId: number;
  verdict: "accept" | "reject";
  note: string | null;
  /** The number of the session's newest experiment then: what was decided before rests on the old incumbent. */
  afterNumber: number;
  reviewedAt: number;
  /** The commit that takes a rejected change back, once it is made. */
  commitId: Later<string>;
}

export interface ProbeTable {
  id: Generated<number>;
  sessionId: number;
  canary: string;
  /** `refused`: no value; `worse`, `equal` or `better` than the baseline beyond noise. */
  outcome: "refused" | "worse" | "equal" | "better";
  value: number | null;
  message: string;
  probedAt: number;
}

/** One exchange with an agent or a model. */
export interface TurnTable {
  id: Generated<number>;
  /** Null for a turn of a goal's task, of an A/B test, or one that was imported. */
  sessionId: number | null;
  /** What came of it; null: no proposal. */
  experimentId: Later<number>;
  researcher: string;
  purpose: "propose" | "repair" | "try" | "task" | "plan" | "judge" | "forge" | "imported";
  /** Text that it was given, and everything it printed, each deflated (zlib). */
  prompt: Buffer;
  raw: Buffer;
  /** A `TurnEnding`, `malformed` or `unchanged`. */
  ending: string;
  message: string;
  /** Null is unknown, never zero. */
  tokensIn: number | null;
  tokensOut: number | null;
  tokensCached: number | null;
  dollars: number | null;
  startedAt: number;
  wallMs: number;
  goalId: number | null;
  taskId: number | null;
  /** Where an imported turn comes from: `claude`, `codex`, `pi`, `opencode`, `otel`; null: it was run here. */
  source: string | null;
  /** Unique within its source, so that nothing is imported twice. */
  sourceKey: string | null;
  /** As the agent says; null: it does not. */
  agentVersion: string | null;
  model: string | null;
}

/** The trace of a turn, one event a row, in the order of arrival. */
export interface TraceEventTable {
  turnId: number;
  /** 0-based. */
  position: number;
  at: number;
  type: string;
  /** For calls and denials. */
  tool: string | null;
  /** For results: 0 or 1. */
  ok: number | null;
  data: Json;
}

/** How a transcript stood when it was read last. */
export interface TranscriptTable {
  /** Of its file; with `#` and the session where several lie in one. */
  path: string;
  source: string;
  bytes: number;
  changedAt: number;
  importedAt: number;
}

/** Something to try one day, by whoever had the thought. */
export interface IdeaTable {
  id: Generated<number>;
  /** The lab has one list; this is the session in which it was added, if one was open. */
  sessionId: number | null;
  text: string;
  by: string;
  addedAt: number;
  /** The experiment that tried it. */
  experimentId: Later<number>;
  /** When somebody struck it off. */
  droppedAt: Later<number>;
}

/** A word from a person to the researchers of a running session. */
export interface SteeringTable {
  id: Generated<number>;
  sessionId: number;
  text: string;
  saidAt: number;
}

/** Whether somebody wants a goal met, or a skill is being tested with it. */
type GoalPurpose = "goal" | "trial";

export interface GoalTable {
  id: Generated<number>;
  title: string;
  family: string;
  /** The goal as it was parsed and what the command line added, whole. */
  goal: Json;
  goalHash: string;
  /** `trial`: a run of a test (or of an improvement's training), which teaches nobody. */
  purpose: ColumnType<GoalPurpose, GoalPurpose | undefined, never>;
  status: ColumnType<GoalStatus, GoalStatus, GoalStatus>;
  reason: Later<string>;
  /** Of the best iteration, 0 to 100. */
  score: Later<number>;
  bestIteration: Later<number>;
  worldState: ColumnType<Json, Json, Json>;
  branch: Later<string>;
  baseCommit: Later<string>;
  holder: Later<string>;
  pausedAt: Later<number>;
  createdAt: number;
  endedAt: Later<number>;
}

export interface GoalIterationTable {
  id: Generated<number>;
  goalId: number;
  number: number;
  plan: Json;
  score: Later<number>;
  feedback: Later<string>;
  /** The checkpoint on the goal's branch. */
  commitId: Later<string>;
  /** Commit that holds the work of all tasks that are done; first the state that the iteration began with. */
  tip: ColumnType<string, string, string>;
  startedAt: number;
  endedAt: Later<number>;
}

export type TaskStatus = "pending" | "running" | "done" | "failed" | "skipped";
export type GoalStatus = "ready" | "running" | "met" | "failed" | "cancelled";

export interface TaskTable {
  id: Generated<number>;
  iterationId: number;
  key: string;
  /** A `Task`. */
  task: Json;
  agent: ColumnType<string, string, string>;
  /** Why this agent: what the matcher weighed. */
  why: ColumnType<Json, Json, Json>;
  status: ColumnType<TaskStatus, TaskStatus, TaskStatus>;
  output: Later<string>;
  error: Later<string>;
  startedAt: Later<number>;
  endedAt: Later<number>;
}

export interface GoalEvaluationTable {
  id: Generated<number>;
  iterationId: number;
  criterion: string;
  kind: string;
  weight: number;
  score: number;
  explanation: string;
  met: Json;
  missed: Json;
  suggestions: Json;
  judge: string | null;
  /** `{made, changed}`: files by which the check judges that are the work's own. */
  own: Json;
}

export interface GoldenStandardTable {
  id: Generated<number>;
  goalId: number;
  family: string;
  score: number;
  plan: Json;
  outputs: Json;
  addedAt: number;
}

export interface SkillTable {
  id: Generated<number>;
  name: string;
  status: string;
  /** `person`, `forge` or where it was imported from: a person's skill is never overwritten unasked. */
  origin: string;
  category: string | null;
  /** Number of the version in use. */
  currentVersion: number;
  /** 1: stays at this version. */
  pinned: Generated<number>;
  /** Its folder on disk, where it has one. */
  path: string | null;
  createdAt: number;
}

export interface SkillVersionTable {
  id: Generated<number>;
  skillId: number;
  /** 1-based. */
  version: number;
  description: string;
  /** As in the skill, so that the catalogue need not unpack it. */
  allowedTools: Json;
  instructions: string;
  /** Unified diff against the parent; empty for the first. */
  instructionsDiff: string;
  /** The whole folder (`Skill` as JSON, deflated). */
  skill: Buffer;
  contentHash: string;
  /** SES, measured; null until it is. */
  effectivenessScore: Later<number>;
  parentVersionId: number | null;
  sourceGoalId: number | null;
  /** Ids of the goals whose traces taught it: never test goals for it. */
  sourceGoals: Json;
  sourceFamilies: Json;
  /** Each claim with the trace events that it rests on. */
  claims: Json;
  traceAnalysisSummary: string | null;
  status: string;
  decision: Later<string>;
  createdAt: number;
}

export interface SkillEvaluationTable {
  id: Generated<number>;
  /** Null for a calibration (A/A). */
  skillVersionId: number | null;
  kind: "test" | "calibration" | "sealed" | "interference" | "trigger" | "audit";
  suite: string;
  suiteHash: string;
  /** Rule, seeds and limits: enough to go on or to replay. */
  setup: Json;
  agent: string;
  agentVersion: Later<string>;
  model: string | null;
  judge: string | null;
  baselineSes: Later<number>;
  baselineCompletion: Later<number>;
  baselineToolCalls: Later<number>;
  baselineErrors: Later<number>;
  baselineDurationMs: Later<number>;
  treatmentSes: Later<number>;
  treatmentCompletion: Later<number>;
  treatmentToolCalls: Later<number>;
  treatmentErrors: Later<number>;
  treatmentDurationMs: Later<number>;
  /** SES by component with n and interval, per arm. */
  components: Later<Json>;
  /** Difference of scores, with minus without, and its 95 % interval. */
  delta: Later<number>;
  low: Later<number>;
  high: Later<number>;
  pairs: Generated<number>;
  tasks: Generated<number>;
  decision: Later<"better" | "worse" | "not enough evidence">;
  reason: Later<string>;
  judgeReasoning: Later<string>;
  tokens: Later<number>;
  dollars: Later<number>;
  startedAt: number;
  endedAt: Later<number>;
}

export interface TrialTable {
  id: Generated<number>;
  evaluationId: number;
  /** 0-based: the order of the test's questions. */
  position: number;
  arm: string;
  task: string;
  family: string;
  replicate: number;
  seed: number;
  /** A `Trial`. */
  trial: Json;
  goalId: number | null;
  startedAt: number;
}

export interface SkillRelationTable {
  fromSkill: number;
  toSkill: number;
  kind: "composes with" | "depends on" | "supersedes";
  addedAt: number;
}

export interface SkillUseTable {
  id: Generated<number>;
  skillVersionId: number;
  turnId: number | null;
  /** 1: it was read, 0: it was offered only, null: not known. */
  loaded: number | null;
  usedAt: number;
}

export interface SealedOpeningTable {
  id: Generated<number>;
  suiteHash: string;
  skillVersionId: number;
  openedAt: number;
}

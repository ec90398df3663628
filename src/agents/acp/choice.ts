import type { ResearcherChoice } from "../../contract/index.ts";

export type AcpChoice = Extract<ResearcherChoice, { kind: "acp" }>;

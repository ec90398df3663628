/**
 * A skill as the Agent Skills specification (agentskills.io) has it: a folder whose `SKILL.md` says in its front matter
 * what it is for, and below it how the work is done.
 */
export interface Skill {
  /** 1 to 64 characters: lowercase letters, digits and single hyphens between them; the folder's name. */
  name: string;
  /** 1 to 1024 characters: what it does and when to use it. */
  description: string;
  license?: string;
  /** 1 to 500 characters. */
  compatibility?: string;
  /** Strings only; whetstone's own keys begin with `whetstone-` (version, parent, status, score). */
  metadata: Record<string, string>;
  /** `allowed-tools`, split at spaces outside parentheses, e.g. `Bash(git:*)`. */
  allowedTools: string[];
  /** Markdown below the front matter. */
  instructions: string;
  /** Other files of the folder (scripts/, references/, assets/, evals/): path -> bytes. */
  files: ReadonlyMap<string, Buffer>;
}

/**
 * `draft`: not proven. `validated`, `gold`: proven (see forge/statistics/bands.ts). `unverified`: proven with another
 * version of model or tools. `archived`: out of use, kept.
 */
export type SkillStatus = "draft" | "validated" | "gold" | "unverified" | "archived";

import type { AgentName } from "../../contract/index.ts";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { gemini } from "./gemini.ts";
import { opencode } from "./opencode.ts";
import { pi } from "./pi.ts";
import type { Preset } from "./preset.ts";

export const presets: Record<AgentName, Preset> = { claude, codex, gemini, opencode, pi };

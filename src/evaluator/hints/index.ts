export type { GrantHint, HintFacts, HostView, Opening } from "./facts.ts";
export { grantHints, hintLines } from "./hints.ts";
export { hostView } from "./host.ts";

export type { Grant, GrantHint, HintFacts, HostView } from "./facts.ts";
export { grantHints, hintLines } from "./hints.ts";
export { hostView } from "./host.ts";

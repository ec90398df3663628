export * from "./append.ts";
export * from "./examine.ts";
export * from "./heard.ts";
export * from "./ideas.ts";
export { type Ledger, openLedger } from "./ledger.ts";
export * from "./queries.ts";

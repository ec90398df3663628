export * from "./append.ts";
export { type Ledger, openLedger } from "./ledger.ts";
export * from "./queries.ts";

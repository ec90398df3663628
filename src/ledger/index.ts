export * from "./append.ts";
export * from "./examine.ts";
export * from "./imports.ts";
export { type Ledger, openLedger } from "./ledger.ts";
export * from "./queries.ts";

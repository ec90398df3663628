export * from "./append.ts";
export * from "./examine.ts";
export { type Ledger, openLedger } from "./ledger.ts";
export * from "./queries.ts";
export * from "./skillLibrary.ts";

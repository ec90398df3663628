export type * from "./researcher.ts";

export { openSandbox, type SandboxOptions } from "./open.ts";
export type * from "./sandbox.ts";

export { type ModelServer, type ModelServerOptions, startModelServer } from "./modelServer.ts";
export type { ModelRequest } from "./request.ts";
export type { NamedCall, Operation, Script, Step } from "./script.ts";

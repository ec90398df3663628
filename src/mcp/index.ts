export { type Desk, type DeskOptions, openDesk } from "./desk.ts";
export { type HttpDoor, openHttp } from "./http.ts";
export { experiment, failures, ideas, keepIdea, learn, notebook } from "./notebook.ts";
export { overStreams } from "./stdio.ts";
export { type Door, makeServer, withoutScorer } from "./tools.ts";

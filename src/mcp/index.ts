export { type Desk, type DeskOptions, openDesk } from "./desk.ts";
export { type HttpDoor, openHttp } from "./http.ts";
export { overStdio } from "./stdio.ts";
export { type Door, makeServer } from "./tools.ts";

export { openHatch } from "./server.ts";
export { shownHatch } from "./shown.ts";

export { type CheckReport, checkText } from "./check.ts";
export { paints } from "./columns.ts";
export { contextText } from "./context.ts";
export {
  bytes,
  duration,
  effect,
  effectInterval,
  percent,
  quantity,
  type Scale,
  scaleOf,
  value,
} from "./format.ts";
export { reportHtml } from "./html.ts";
export { type LiveEvent, type LiveView, liveScreen, plainLine } from "./live.ts";
export type * from "./notebook.ts";
export { chartPng } from "./png.ts";
export { type ChartOptions, progressSvg } from "./progress.ts";
export { diffLines, failuresText, logText, type PageOptions, showText, statusText } from "./terminal.ts";
export { resultsTsv, type TsvHead } from "./tsv.ts";

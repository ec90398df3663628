export { reportHtml } from "./html.ts";
export type * from "./notebook.ts";
export { chartPng } from "./png.ts";
export { type ChartOptions, progressSvg } from "./progress.ts";
export { failuresText, logText, type PageOptions, showText, statusText } from "./terminal.ts";
export { resultsTsv, type TsvHead } from "./tsv.ts";

export { parsePath, type Step } from "./jsonPath.ts";
export type * from "./source.ts";
export { usualFigure, usualFigures } from "./usual.ts";
export { metricPlace, sourceWords } from "./words.ts";

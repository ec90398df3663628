export { asShown } from "./clean.ts";
export { clockValue } from "./clock.ts";
export { type Guess, guessSource } from "./guess.ts";
export { type MetricFailure, readMetrics, wantedOf } from "./lines.ts";
export { gather, readAll } from "./read.ts";
export { Units } from "./units.ts";

/** The parameters of screen-then-race; the symbols are those of docs/decision.md. */
export interface Rule {
  /** One-sided significance at which a race is won. */
  alpha: number;
  /** A candidate below so many standard errors is dropped. */
  gate: number;
  baselineRuns: number;
  screenRuns: number;
  minPairs: number;
  /** 0: no race, the screen decides and keeps are provisional. */
  maxPairs: number;
  /** How many of the incumbent's last runs make its mean. */
  window: number;
  /** A deterministic evaluator's first three keeps, and then the last of every so many, are run again. */
  recheckEvery: number;
  /** The incumbent is run again after so many runs without it. */
  refreshEvery: number;
  /** Prior degrees of freedom of the pair variance, at most. */
  dfCap: number;
  /** Memory of the noise estimates, in degrees of freedom. */
  dfForget: number;
  /** A squared deviation counts at most so many variances. */
  winsor: number;
  /** A gain of more than so many times the best one so far is doubted. */
  jump: number;
  /** How often a run of an undisturbed baseline may be taken for one that stands out; 0: every run counts in full. */
  outlier: number;
  /** Failed runs of one candidate that are repeated where the evaluator is known to fail now and then; 0: none. */
  retries: number;
}

const balanced: Rule = {
  alpha: 0.02,
  gate: 0.8,
  baselineRuns: 5,
  screenRuns: 2,
  minPairs: 1,
  maxPairs: 8,
  window: 8,
  recheckEvery: 4,
  refreshEvery: 10,
  dfCap: 8,
  dfForget: 60,
  winsor: 9,
  jump: 5,
  outlier: 0.01,
  retries: 3,
};

export const presets = {
  balanced,
  strict: { ...balanced, alpha: 0.005 },
  explore: { ...balanced, alpha: 0.1 },
  quiet: { ...balanced, screenRuns: 1, gate: 1.5 },
  expensive: { ...balanced, baselineRuns: 3, maxPairs: 0, alpha: 0.05 },
} satisfies Record<string, Rule>;

export type Preset = keyof typeof presets;

/** The parameters that came later: recorded with each session, so that the rule it began with stays known. */
export function laterParameters(preset: Preset): Pick<Rule, "outlier" | "retries"> {
  const { outlier, retries } = presets[preset];
  return { outlier, retries };
}

/** Least and greatest sensible value of each parameter. */
const ranges: Record<keyof Rule, [number, number, "integer" | "real"]> = {
  alpha: [1e-6, 0.5, "real"],
  gate: [-10, 10, "real"],
  baselineRuns: [2, 1000, "integer"],
  screenRuns: [1, 100, "integer"],
  minPairs: [1, 1000, "integer"],
  maxPairs: [0, 1000, "integer"],
  window: [1, 32, "integer"],
  recheckEvery: [1, 1e6, "integer"],
  refreshEvery: [1, 1e6, "integer"],
  dfCap: [1, 1000, "real"],
  dfForget: [1, 1e6, "real"],
  winsor: [1, 1e6, "real"],
  jump: [1, 1e6, "real"],
  outlier: [0, 0.5, "real"],
  retries: [0, 100, "integer"],
};

export const parameterNames = Object.keys(ranges) as readonly (keyof Rule)[];

/** A preset with single parameters replaced. @throws RangeError for an unknown name or a value out of range. */
export function rule(preset: Preset, parameters: Partial<Record<string, number>> = {}): Rule {
  if (!Object.hasOwn(presets, preset))
    throw new RangeError(`unknown decision preset ${preset}; known: ${Object.keys(presets).join(", ")}`);
  const result: Rule = { ...presets[preset] };
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(ranges, name))
      throw new RangeError(`unknown decision parameter ${name}; known: ${parameterNames.join(", ")}`);
    const [low, high, kind] = ranges[name as keyof Rule];
    const fits = kind === "integer" ? Number.isInteger(value) : Number.isFinite(value);
    if (!fits || value < low || value > high)
      throw new RangeError(
        `decision parameter ${name} must be a ${kind === "integer" ? "whole " : ""}number from ${low} to ${high}, not ${value}`,
      );
    result[name as keyof Rule] = value;
  }
  if (result.maxPairs > 0 && result.minPairs > result.maxPairs)
    throw new RangeError(
      `decision parameter minPairs (${result.minPairs}) is above maxPairs (${result.maxPairs})`,
    );
  return result;
}

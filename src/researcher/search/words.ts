/** What is commonly known of a knob by its name: how much it tends to matter, and why a change may help. */
interface Lore {
  pattern: RegExp;
  /** 0 to 1: how early it is tried. */
  weight: number;
  up: string;
  down: string;
}

const lore: Lore[] = [
  {
    pattern: /learning.?rate|(^|[._])lr$|step.?size/i,
    weight: 1,
    up: "larger steps cover more ground in the same budget",
    down: "smaller steps overshoot less",
  },
  {
    pattern: /depth|n?_?layers?$|num.?layers/i,
    weight: 0.8,
    up: "more layers represent more",
    down: "fewer layers are faster, so more steps fit the budget",
  },
  {
    pattern: /width|d_?model|hidden|embed|n_?embd|channels/i,
    weight: 0.8,
    up: "a wider model represents more",
    down: "a narrower model is faster, so more steps fit the budget",
  },
  {
    pattern: /batch/i,
    weight: 0.8,
    up: "larger batches give steadier gradients",
    down: "smaller batches give more updates in the same budget",
  },
  {
    pattern: /heads?$/i,
    weight: 0.4,
    up: "more heads attend to more things at once",
    down: "fewer, wider heads",
  },
  {
    pattern: /context|seq(uence)?.?len|block.?size|window/i,
    weight: 0.6,
    up: "more context to look at",
    down: "less context costs less, so more fits the budget",
  },
  { pattern: /warm.?up/i, weight: 0.5, up: "a gentler start", down: "full speed sooner" },
  { pattern: /weight.?decay/i, weight: 0.4, up: "stronger regularisation", down: "less pull towards zero" },
  { pattern: /dropout/i, weight: 0.5, up: "stronger regularisation", down: "short training rarely overfits" },
  {
    pattern: /beta|momentum|ema/i,
    weight: 0.4,
    up: "a longer memory smooths the updates",
    down: "a shorter memory reacts sooner",
  },
  { pattern: /clip/i, weight: 0.3, up: "fewer updates are cut short", down: "large gradients disturb less" },
  { pattern: /init|scale|gain/i, weight: 0.4, up: "stronger signals at the start", down: "a calmer start" },
  {
    pattern: /cache|buffer|chunk|pool/i,
    weight: 0.7,
    up: "fewer, larger portions cost less overhead",
    down: "smaller portions stay closer to the processor",
  },
  {
    pattern: /threshold|cut.?off|limit|min|max/i,
    weight: 0.6,
    up: "the rule applies later",
    down: "the rule applies sooner",
  },
  { pattern: /weight|bonus|penalty|factor|coef/i, weight: 0.7, up: "it counts more", down: "it counts less" },
  { pattern: /optimi[sz]er|activation|schedule|strategy|mode|method|kind/i, weight: 0.7, up: "", down: "" },
  { pattern: /log|print|verbose|debug|eval|version/i, weight: 0.02, up: "", down: "" },
];

export function importance(name: string): number {
  return lore.find((entry) => entry.pattern.test(lastPart(name)))?.weight ?? 0.45;
}

/** Why a step may help, in words; for values without an order the direction is 0. */
export function mechanism(name: string, direction: number): string {
  const known = lore.find((entry) => entry.pattern.test(lastPart(name)));
  const said = direction > 0 ? known?.up : direction < 0 ? known?.down : "";
  if (said) return said;
  return direction === 0
    ? "another choice may suit this task better"
    : "the present value is a guess: try beside it";
}

/** Whether a whole number of this name may as well be a fraction. */
export function continuous(name: string): boolean {
  return /weight|bonus|penalty|factor|coef|temperature|clip|rate$|score|gain|scale|decay|alpha|lambda|(^|[._])lr$/i.test(
    lastPart(name),
  );
}

/** Whether a value of this name cannot be above one. */
export function proportion(name: string): boolean {
  return /beta|momentum|ema|dropout|prob|opacity|fraction|share|quantile|percent|decay.?rate|warm.?up|cool.?down/i.test(
    lastPart(name),
  );
}

/** Whether zero switches off what this name stands for. */
export function canBeOff(name: string): boolean {
  return /dropout|weight|coef|factor|penalty|bonus|warm.?up|cool.?down|clip|smoothing|jitter|noise/i.test(
    lastPart(name),
  );
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

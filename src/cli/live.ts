import type { LabFolder } from "../lab/index.ts";
import type { LiveView, SessionEvent } from "../notebook/index.ts";
import { paintedText } from "../printable.ts";
import { eventWords, liveScreen, plainLine } from "../report/index.ts";
import { asTyped, colour, width, write } from "./output.ts";

/** Redraws the session's screen in place, ten times a second at most; kept lines scroll away above it. */
export function liveDisplay(
  lab: LabFolder,
  limits: { time?: number; experiments?: number },
): { listener: (event: SessionEvent) => void; end: () => void } {
  const startedAt = performance.now();
  let runStartedAt = performance.now();
  const { contract } = lab;
  const most = limits.experiments ?? contract.session.experiments ?? null;
  const time = limits.time ?? contract.session.time ?? null;
  let view: LiveView = {
    lab: lab.name,
    tag: "",
    branch: "",
    metric: {
      name: contract.metric.name,
      direction: contract.metric.direction,
      ...(contract.metric.unit === undefined ? {} : { unit: contract.metric.unit }),
    },
    number: null,
    phase: "setup",
    what: null,
    arm: null,
    round: null,
    rounds: null,
    elapsedMs: 0,
    budgetMs: null,
    lastLine: null,
    best: null,
    baseline: null,
    history: [],
    keeps: 0,
    discards: 0,
    failures: 0,
    sessionElapsedMs: 0,
    timeLeftMs: time,
    experimentsLeft: most,
    sigma: null,
  };
  let drawn = 0;
  let ended = false;

  const erase = () => {
    if (drawn > 0) write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const draw = () => {
    if (ended) return;
    const now = performance.now();
    view = {
      ...view,
      elapsedMs: now - runStartedAt,
      sessionElapsedMs: now - startedAt,
      timeLeftMs: time === null ? null : Math.max(0, time - (now - startedAt)),
    };
    const height = Math.max(8, (process.stdout.rows ?? 24) - 1);
    const lines = liveScreen(view, { width: width(), height, colour });
    erase();
    write(`${lines.map(paintedText).join("\n")}\n`);
    drawn = lines.length;
  };
  const timer = setInterval(draw, 200);
  timer.unref();

  const listener = (event: SessionEvent) => {
    view = advance(view, event, most);
    if (event.type === "run") runStartedAt = performance.now();
    const line = !lasting.has(event.type)
      ? null
      : plainLine(event, { metric: view.metric, sigma: view.sigma });
    if (line !== null) {
      erase();
      write(`${asTyped(paintedText(line))}\n`);
      draw();
    }
  };
  return {
    listener,
    end: () => {
      if (ended) return;
      erase();
      ended = true;
      clearInterval(timer);
    },
  };
}

/** What is worth a line that stays; the rest is on the screen while it lasts. */
const lasting = new Set<SessionEvent["type"]>([
  "session",
  "notice",
  "failed",
  "alarm",
  "decision",
  "audit",
  "stop",
]);

/** The screen after an event. */
function advance(view: LiveView, event: SessionEvent, most: number | null): LiveView {
  switch (event.type) {
    case "session":
      return {
        ...view,
        tag: event.tag,
        branch: event.branch,
        best: event.best,
        keeps: event.keeps,
        discards: event.discards,
        failures: event.experiments - event.keeps - event.discards,
        experimentsLeft: most === null ? null : Math.max(0, most - event.experiments),
      };
    case "setup":
      return { ...view, lastLine: event.line ?? null };
    case "phase":
      return {
        ...view,
        phase: event.phase,
        number: event.number ?? view.number,
        what: event.what,
        lastLine: null,
        // The bar of the run before would go on.
        budgetMs: event.phase === "propose" ? null : view.budgetMs,
      };
    case "trace":
      return { ...view, lastLine: eventWords(event.event) };
    case "run":
      return {
        ...view,
        arm: event.arm,
        round: event.round,
        rounds: event.rounds,
        budgetMs: event.budgetMs,
        lastLine: null,
      };
    case "line":
      return { ...view, lastLine: event.line };
    case "waiting":
      // Without a budget there is no bar: it would count the wait as run time.
      return { ...view, budgetMs: null, lastLine: event.message };
    case "noise":
      return { ...view, baseline: event.mean, best: view.best ?? event.mean, sigma: event.sigma };
    case "decision": {
      const { kind } = event.decision;
      return {
        ...view,
        best: event.best,
        history: [...view.history, { n: event.number, value: event.value, status: kind }],
        keeps: view.keeps + (kind === "keep" ? 1 : 0),
        discards: view.discards + (kind === "discard" ? 1 : 0),
        failures: view.failures + (kind === "keep" || kind === "discard" ? 0 : 1),
        experimentsLeft: most === null ? null : Math.max(0, most - event.number),
      };
    }
    default:
      return view;
  }
}

import type { Estimate, Finalized, Part, Parts, Sealed } from "../../notebook/index.ts";
import { effect, effectInterval, moment, oneLine, plural, type Scale, scaleOf } from "../words/format.ts";
import { auditHeadline } from "../words/words.ts";
import { clip, columns, left, paints, table, wrap } from "./columns.ts";
import type { PageOptions } from "./terminal.ts";

/** `whet finalize`: the audited result, what each part of it is worth, and the branches to review. */
export function finalizeText(finalized: Finalized, options: PageOptions): string {
  const paint = paints(options.colour);
  const width = Math.max(60, options.width);
  const { audit, sealed, lean, branches } = finalized;
  const scale = scaleOf(finalized.metric, finalized.deterministic ? null : finalized.sigma, [
    audit.baselineMean,
    audit.finalMean,
  ]);
  const head = auditHeadline(audit, { ...finalized, scale });
  const out = [
    paint.bold(clip(head.claim, width)),
    ...wrap(head.evidence, width),
    paint.dim(
      `${finalized.channel} metric · isolation ${finalized.level} · session ${oneLine(finalized.tag)}`,
    ),
    "",
    ...partLines(finalized, scale, options),
    "",
    ...wrap(caution(finalized), width).map(paint.dim),
  ];
  if (sealed) out.push("", ...wrap(sealedWords(sealed, scale), width));
  if (lean) out.push("", ...wrap(leanWords(lean, scale), width));
  for (const note of finalized.notes) out.push(...wrap(note, width));
  if (branches.length > 0) {
    out.push("", paint.bold("Review branches"));
    for (const { name, experiments } of branches)
      out.push(`  ${oneLine(name)}  ${paint.dim(experiments.map((number) => `#${number}`).join(" "))}`);
    const from = oneLine(finalized.base).slice(0, 10);
    const leanest = branches.find(({ name }) => name.endsWith("/lean"))?.name;
    const session = `whetstone/${oneLine(finalized.tag)}`;
    const steps: [string, string][] = [
      [`git log -p ${from}..${oneLine(branches[0]?.name ?? "")}`, "shows one of them"],
      ...(leanest === undefined
        ? []
        : [[`git merge ${oneLine(leanest)}`, "takes the lean state"] as [string, string]]),
      [`git merge ${session}`, `takes everything that was kept${leanest === undefined ? "" : " instead"}`],
    ];
    const widest = Math.max(...steps.map(([command]) => columns(command)));
    out.push("", paint.cyan("Next:"));
    for (const [command, does] of steps) out.push(`  ${left(command, widest)}  ${paint.dim(does)}`);
  }
  return `${out.join("\n")}\n`;
}

/** Each part's figures in a line, and below it what it changes, in full. */
function partLines(finalized: Finalized, scale: Scale, options: PageOptions): string[] {
  const width = Math.max(60, options.width);
  const paint = paints(options.colour);
  const [head = "", ...lines] = table(
    finalized.changes,
    shape(finalized, scale),
    options.whole ? Number.POSITIVE_INFINITY : width,
    paint,
  );
  return [
    head,
    ...lines.flatMap((line, index) => {
      const { what, reason } = finalized.changes[index] as Part;
      return [
        line,
        ...wrap(reason === "" ? what : `${what} (${reason})`, width - 6).map((text) => `      ${text}`),
      ];
    }),
  ];
}

function shape(finalized: Finalized, scale: Scale) {
  return [
    { title: "#", cell: (part: Part) => String(part.experiment), align: "right" as const },
    {
      title: "when kept",
      cell: (part: Part) => effect(part.kept?.effect ?? null, scale),
      align: "right" as const,
    },
    { title: "contribution now [95 %]", cell: (part: Part) => estimateText(part.contribution, scale) },
    { title: "verdict", cell: (part: Part) => part.verdict },
    { title: "alone [95 %]", cell: (part: Part) => clip(aloneText(part, scale), 40) },
    {
      title: "review branch",
      cell: (part: Part) =>
        finalized.branches
          .find(({ name, experiments }) => experiments.includes(part.experiment) && !name.endsWith("/lean"))
          ?.name.split("/")
          .at(-1) ?? "–",
    },
  ];
}

/** `+0.013 [+0.010 to +0.016]`. */
export function estimateText(estimate: Estimate | null, scale: Scale): string {
  if (!estimate) return "–";
  const [low, high] = estimate.interval;
  return low === high
    ? effect(estimate.effect, scale)
    : `${effect(estimate.effect, scale)} [${effectInterval(estimate.interval, scale)}]`;
}

/** A group's effect on the untouched code, with the others in it. */
export function aloneText(part: Part, scale: Scale): string {
  if (part.aloneFailure !== null) return `fails: ${part.aloneFailure}`;
  const others = part.group.filter((number) => number !== part.experiment);
  const text = estimateText(part.alone, scale);
  return others.length === 0 ? text : `${text} with ${others.map((number) => `#${number}`).join(", ")}`;
}

/** What the verdicts mean, and what they cannot. */
export function caution({
  changes,
  deterministic = false,
}: Pick<Parts, "changes"> & { deterministic?: boolean }): string {
  const judged = changes.filter((part) => part.contribution !== null).length;
  const meaning =
    "A contribution is the final state minus the final state without the change. Contributions overlap, so neither they nor the effects when kept add up to the result.";
  if (deterministic) return meaning;
  return `${meaning} A change not shown to carry weight is not shown to be useless: its effect may be smaller than the noise. Each interval holds with 95 % on its own; of ${plural(judged, "useless change")}, about ${(judged * 0.025).toFixed(1)} would be shown as carrying weight by chance.`;
}

/** What data that decided nothing says of the result. */
export function sealedWords({ openedBy, at, result }: Sealed, scale: Scale): string {
  if (!result)
    return `The sealed split was opened by session ${oneLine(openedBy)} on ${moment(at)}: it is not opened again.`;
  return `On the sealed split, opened this once: gain ${estimateText(result, scale)}.`;
}

export function leanWords(lean: NonNullable<Parts["lean"]>, scale: Scale): string {
  const out = lean.removed.map((number) => `#${number}`).join(", ");
  return `Proposed: take out ${out}. The lean state is no worse than the final one beyond noise (${estimateText(lean.againstFinal, scale)}) and ${estimateText(lean.againstBaseline, scale)} against the untouched code.`;
}

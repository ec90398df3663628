import type { Cited, Dropped, Evidence } from "./evidence.ts";

/** Of a description's words, the share that must be said by what it rests on. */
const leastSaid = 0.6;
const idle = new Set(
  "about after also always been before being between both does each every from have here into like make more most must never only other over should such than that their them then there these they this those through under used uses using very what when where which while will with without your".split(
    " ",
  ),
);

/**
 * A description as far as it stands on what was shown: sentences with a figure, or a name in backquotes, that no kept
 * sentence and no evidence says are dropped; and all of it, where most of its words occur nowhere there.
 *
 * @param kept texts that stand already: sentences that cite, or the skill as it was.
 * @returns null when nothing of it is left.
 */
export function describedBy(
  given: string,
  kept: readonly string[],
  evidence: Pick<Evidence, "text">,
  dropped: Dropped[],
): string | null {
  const shown = [...kept, evidence.text].join("\n");
  const said = new Set(stems(shown));
  const sentences = given.split(/(?<=[.!?;])\s+/).filter((sentence) => {
    const strange = strangeIn(sentence, shown);
    if (strange !== null) dropped.push({ text: sentence, why: `nothing that was shown says ${strange}` });
    return strange === null;
  });
  const left = sentences.join(" ").trim();
  const words = stems(left).filter((stem) => !idle.has(stem));
  if (words.length === 0) return null;
  if (words.filter((stem) => said.has(stem)).length >= leastSaid * words.length) return left;
  dropped.push({ text: left, why: "its description says what nothing that was shown says" });
  return null;
}

/** A description made of sentences that cite: when to use the skill, or what it says to do. */
export function descriptionOf(when: readonly Cited[], steps: readonly Cited[]): string {
  const text = (when.length > 0 ? when : steps).map((each) => each.text.trim().replace(/[.;]?$/, "."));
  return text.join(" ").slice(0, 1024).trim();
}

/** The first figure of two digits or more, or name in backquotes, that a text does not hold; null: it holds all. */
export function strangeIn(sentence: string, shown: string): string | null {
  const plain = shown.toLowerCase().replaceAll('\\"', '"').replaceAll("\\\\", "\\");
  const numbers = new Set(plain.match(/\d+(?:[.,]\d+)*/g));
  for (const [figure] of sentence.matchAll(/\d+(?:[.,]\d+)*/g))
    if (figure.replace(/\D/g, "").length >= 2 && !numbers.has(figure)) return figure;
  for (const [, span = ""] of sentence.matchAll(/`([^`\n]{1,200})`/g))
    for (const word of span.toLowerCase().match(/[\p{L}\p{N}_.-]+/gu) ?? [])
      if (!plain.includes(word)) return `\`${word}\``;
  return null;
}

/** Words of four letters and more, by their first five: `checks` is `checked`. */
function stems(text: string): string[] {
  return (text.toLowerCase().match(/\p{L}{4,}/gu) ?? []).map((word) =>
    idle.has(word) ? word : word.slice(0, 5),
  );
}

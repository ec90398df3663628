/**
 * Runs of words count from this length: shorter ones are shared by chance by texts on one subject (8 words are what PaLM's
 * contamination check uses, Chowdhery et al. 2022, section 8).
 */
export const gram = 8;

/** How much of a text lies in runs of words that another has too, and that a third does not have. */
export function covered(
  text: readonly string[],
  by: readonly string[],
  but: readonly string[] = [],
  length = gram,
): { share: number; longest: readonly string[] } {
  const [shared, known] = [grams(by, length), grams(but, length)];
  const marked = text.map(() => false);
  let longest: readonly string[] = [];
  let start = 0;
  for (let at = 0; at + length <= text.length; at++) {
    const run = text.slice(at, at + length).join(" ");
    if (!shared.has(run) || known.has(run)) {
      start = at + 1;
      continue;
    }
    marked.fill(true, at, at + length);
    if (at + length - start > longest.length) longest = text.slice(start, at + length);
  }
  return { share: marked.filter(Boolean).length / Math.max(1, text.length), longest };
}

export function grams(of: readonly string[], length: number): Set<string> {
  const all = new Set<string>();
  for (let at = 0; at + length <= of.length; at++) all.add(of.slice(at, at + length).join(" "));
  return all;
}

/** Lower-case runs of letters and digits; numbers and dates in one form each. */
export function words(text: string): string[] {
  const plain = text.normalize("NFKC").toLowerCase();
  return (plain.match(/\p{N}+(?:[.,'’_/-]\p{N}+)+|[\p{L}\p{N}]+/gu) ?? []).flatMap(inOneForm);
}

/** A number without separators of thousands and idle zeros, with a point; a date as 2026-03-01. */
function inOneForm(word: string): string[] {
  const date = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})$/.exec(word);
  if (date) return [[date[1], date[3]?.padStart(2, "0"), date[4]?.padStart(2, "0")].join("-")];
  const bare = /^\d{1,3}(?:,\d{3})+(?:\.\d+)?$|^\d{1,3}(?:['’_]\d{3})+(?:[.,]\d+)?$/.test(word)
    ? word.replace(/[,'’_](?=\d{3}(?!\d))/g, "")
    : /^\d{1,3}(?:\.\d{3})+,\d+$/.test(word)
      ? word.replaceAll(".", "")
      : word;
  if (!/^\d+[.,]\d+$/.test(bare)) return /^[\p{N}.,-]+$/u.test(bare) ? [bare] : bare.split(/['’_/]/);
  const [whole, part = ""] = bare.split(/[.,]/);
  const decimals = part.replace(/0+$/, "");
  return [decimals === "" ? (whole as string) : `${whole}.${decimals}`];
}

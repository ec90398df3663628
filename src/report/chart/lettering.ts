/** Advance widths of DejaVu Sans Condensed for U+0020 to U+007E, thousandths of the font size. */
const regular = [
  286, 360, 414, 754, 572, 855, 702, 247, 351, 351, 450, 754, 286, 325, 286, 303, 572, 572, 572, 572, 572,
  572, 572, 572, 572, 572, 303, 303, 754, 754, 754, 478, 900, 615, 617, 628, 693, 568, 518, 697, 677, 265,
  265, 590, 501, 776, 673, 708, 542, 708, 625, 571, 549, 659, 615, 890, 616, 549, 616, 351, 303, 351, 754,
  450, 450, 551, 571, 495, 571, 554, 316, 571, 570, 250, 250, 521, 250, 876, 570, 550, 571, 571, 370, 469,
  353, 570, 532, 736, 532, 532, 472, 572, 303, 572, 754,
];

/** Bold letters are about a tenth wider; the difference from letter to letter does not matter for placing. */
const boldFactor = 1.105;

/** Width in pixels of one line of text; letters beyond ASCII are taken as wide as they can be expected. */
export function textWidth(text: string, size: number, bold = false): number {
  let total = 0;
  for (const letter of text) {
    const code = letter.codePointAt(0) as number;
    total += regular[code - 32] ?? (code >= 0x1100 ? 1000 : code === 0x2192 ? 754 : 620);
  }
  return (total * size * (bold ? boldFactor : 1)) / 1000;
}

/** The longest beginning of a text that fits, cut at a word where that loses little, with an ellipsis. */
export function fitted(text: string, width: number, size: number, bold = false): string {
  if (textWidth(text, size, bold) <= width) return text;
  let kept = "";
  let used = textWidth("…", size, bold);
  for (const letter of text) {
    used += textWidth(letter, size, bold);
    if (used > width) break;
    kept += letter;
  }
  const space = kept.lastIndexOf(" ");
  const cut = space > kept.length * 0.7 ? kept.slice(0, space) : kept;
  return `${cut.replace(/[\s,;:.(–-]+$/u, "")}…`;
}

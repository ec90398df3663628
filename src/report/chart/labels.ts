/** A rectangle in pixels. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Wanted {
  /** The point that the label belongs to. */
  x: number;
  y: number;
  /** Of the words in full, and of a shorter form where there is no room for them. */
  width: number;
  shortWidth: number;
  height: number;
  /** Higher is placed first. */
  weight: number;
}

export interface Placed {
  /** Index into the wanted labels. */
  index: number;
  box: Box;
  /** The shorter form. */
  short: boolean;
  /** The label stands away from its point and needs a line to it. */
  leader: boolean;
}

/**
 * Places labels beside their points without overlap: greedy by weight, each at the cheapest of a fan of places.
 * @param bounds labels stay inside
 * @param solid what no label may touch
 * @param faint what a label should rather not touch
 * @param side the side with more room: 1 below the points, -1 above
 * @param most how many labels at most
 */
export function placeLabels(
  wanted: readonly Wanted[],
  bounds: Box,
  solid: readonly Box[],
  faint: readonly Box[],
  side: 1 | -1,
  most: number,
): Placed[] {
  const placed: Placed[] = [];
  const order = wanted
    .map((_, index) => index)
    .sort((a, b) => (wanted[b] as Wanted).weight - (wanted[a] as Wanted).weight);
  // Beyond a few times as many as are wanted there is no room left for any.
  for (const index of order.slice(0, most * 4)) {
    if (placed.length >= most) break;
    const label = wanted[index] as Wanted;
    let best: (Spot & { cost: number }) | null = null;
    for (const { box, short, cost: base, leader } of places(label, bounds, side)) {
      if (best !== null && base >= best.cost) continue;
      if (
        !inside(box, bounds) ||
        placed.some((other) => overlaps(box, other.box, 3)) ||
        solid.some((other) => overlaps(box, other, 0))
      )
        continue;
      const line = leader ? leaderBox(label, box) : null;
      if (
        line !== null &&
        [...solid, ...placed.map((other) => other.box)].some((other) => overlaps(line, other, 0))
      )
        continue;
      if (
        placed.some(
          (other) => other.leader && overlaps(box, leaderBox(wanted[other.index] as Wanted, other.box), 1),
        )
      )
        continue;
      const cost = base + 12 * faint.filter((other) => overlaps(box, other, -1)).length;
      if (best === null || cost < best.cost) best = { box, short, cost, leader };
    }
    if (best !== null) placed.push({ index, box: best.box, short: best.short, leader: best.leader });
  }
  return placed.sort((a, b) => a.index - b.index);
}

/** Where the leader of a label runs: straight down or up from its point. */
export function leaderBox(label: { x: number; y: number }, box: Box): Box {
  const below = box.top > label.y;
  return {
    left: label.x - 1,
    right: label.x + 1,
    top: below ? label.y + 7 : box.bottom,
    bottom: below ? box.top : label.y - 7,
  };
}

interface Spot {
  box: Box;
  short: boolean;
  cost: number;
  leader: boolean;
}

function* places(label: Wanted, bounds: Box, side: 1 | -1): Generator<Spot> {
  const widths = label.shortWidth < label.width ? [label.width, label.shortWidth] : [label.width];
  // On the other side a leader would run along the staircase's own riser: only the place at the point is offered.
  for (const [form, width] of widths.entries())
    for (const direction of [side, -side])
      for (let step = 0; step < (direction === side ? 16 : 1); step++) {
        const near = step === 0;
        const gap = near ? 7 : 7 + step * 13;
        const top = direction === 1 ? label.y + gap : label.y - gap - label.height;
        const penalty = form * 18 + step * 5 + (direction === side ? 0 : 14);
        // Ends at the point, begins at it, or slides along it so that it stays within the picture.
        for (const share of [1, 0, 0.85, 0.15, 0.5, 0.7, 0.3]) {
          const aside = share === 1 ? (near ? -5 : 3) : share === 0 ? (near ? 5 : -3) : 0;
          const left = Math.min(Math.max(label.x - share * width + aside, bounds.left), bounds.right - width);
          const box = { left, top, right: left + width, bottom: top + label.height };
          const reached = near || (label.x >= left - 4 && label.x <= box.right + 4);
          const cost = penalty + (share === 1 ? 0 : share === 0 ? 2 : 4);
          if (reached) yield { box, short: form === 1, cost, leader: !near };
        }
      }
}

function inside(box: Box, bounds: Box): boolean {
  return (
    box.left >= bounds.left &&
    box.right <= bounds.right &&
    box.top >= bounds.top &&
    box.bottom <= bounds.bottom
  );
}

function overlaps(a: Box, b: Box, gap: number): boolean {
  return a.left < b.right + gap && b.left < a.right + gap && a.top < b.bottom + gap && b.top < a.bottom + gap;
}

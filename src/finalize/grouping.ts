/**
 * Splits changes into groups that can be reviewed apart: each group applies cleanly to the base on its own, and any two
 * of them apply together.
 *
 * A change that does not apply alone is joined with the earlier ones that it rests on: none of these can be left out.
 *
 * @param all numbers of every kept change, in the order in which they were kept: together they apply.
 * @param wanted those that are to be in a group; others join only where a wanted one rests on them.
 * @param fits whether some changes, in their order, apply to the base. Asked once for each set.
 * @returns disjoint groups, each in order, ordered by their first change.
 */
export async function independentGroups(
  all: readonly number[],
  wanted: readonly number[],
  fits: (group: readonly number[]) => Promise<boolean>,
): Promise<number[][]> {
  const known = new Map<string, Promise<boolean>>();
  const ask = (group: readonly number[]) => {
    const key = group.join();
    const answer = known.get(key) ?? fits(group);
    known.set(key, answer);
    return answer;
  };
  /** A smallest group with these changes: none of the others in it can be left out. */
  const closed = async (must: readonly number[]): Promise<number[]> => {
    if (await ask(must)) return [...must];
    // Everything up to the newest of them is a state that was kept, so it applies.
    let group = all.slice(0, all.indexOf(must.at(-1) as number) + 1);
    for (let before = 0; before !== group.length; ) {
      before = group.length;
      for (const number of [...group]) {
        if (must.includes(number)) continue;
        const without = group.filter((each) => each !== number);
        if (await ask(without)) group = without;
      }
    }
    return group;
  };
  const ordered = (numbers: Iterable<number>) => {
    const set = new Set(numbers);
    return all.filter((number) => set.has(number));
  };
  let groups: number[][] = [];
  const add = async (must: readonly number[]): Promise<void> => {
    const group = await closed(must);
    const touching = groups.filter((other) => other.some((number) => group.includes(number)));
    groups = groups.filter((other) => !touching.includes(other));
    if (touching.length === 0) groups.push(group);
    else await add(ordered([...group, ...touching.flat()]));
  };
  for (const number of ordered(wanted)) await add([number]);

  // Groups that apply alone may still be in each other's way.
  while (!(await ask(ordered(groups.flat())))) {
    const clash = await firstClash(groups, (one, other) => ask(ordered([...one, ...other])));
    const joined = clash ?? groups;
    groups = groups.filter((group) => !joined.includes(group));
    await add(ordered(joined.flat()));
    if (groups.length === 1) break;
  }
  return groups.sort((a, b) => all.indexOf(a[0] as number) - all.indexOf(b[0] as number));
}

async function firstClash(
  groups: readonly number[][],
  together: (one: readonly number[], other: readonly number[]) => Promise<boolean>,
): Promise<number[][] | null> {
  for (const [index, one] of groups.entries())
    for (const other of groups.slice(index + 1)) if (!(await together(one, other))) return [one, other];
  return null;
}

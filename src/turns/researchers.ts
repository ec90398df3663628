import { type Contract, type ResearcherChoice, usualControl } from "../contract/index.ts";
import { UserError } from "../errors.ts";
import { pulls } from "../ledger/index.ts";
import {
  type Foreseen,
  foresee,
  generator,
  openResearcher,
  type Researcher,
  search,
} from "../researcher/index.ts";
import type { Session } from "../session/index.ts";
import { type Course, choose, type Limits, limitsOf } from "../strategy/index.ts";
import type { Entrant } from "./propose.ts";

/** Everybody who proposes in a session. */
export interface Researchers {
  mains: Entrant[];
  /** The built-in search beside them, for comparison at equal cost, and its share of the evaluation time. */
  control: { entrant: Entrant; share: number } | null;
}

/** Who was handed in instead of the contract's researchers. */
export type Given = Researcher | readonly Entrant[];

/** What a run says of who proposes, besides the contract. */
interface Named {
  researcher?: Given;
  choice?: ResearcherChoice;
  control?: boolean;
}

export async function researchersOf(
  { contract, sandbox, listener }: Session,
  named: Named,
): Promise<Researchers> {
  const { researcher: given, control = true } = named;
  const mains = given
    ? entrantsOf(given)
    : await Promise.all(choicesOf(contract, named).map((choice) => opened(choice)));
  const usual = mains.some(({ researcher }) => researcher.paid) ? usualControl : 0;
  const share = control ? (contract.control ?? usual) : 0;
  const [first] = contract.researchers;
  const plain = search(first?.kind === "search" ? first.options : {});
  const beside = share > 0 && mains.every(({ researcher }) => researcher.name !== plain.name);
  return { mains, control: beside ? { entrant: { researcher: plain, share: 1 }, share } : null };

  async function opened(choice: ResearcherChoice): Promise<Entrant> {
    const { share, role } = choice;
    const researcher = await openResearcher(choice, {
      ...{ env: process.env, sandbox, change: contract.change },
      onNotice: (message) => listener({ type: "notice", message }),
    });
    return { researcher, share, ...(role === undefined ? {} : { role }) };
  }
}

function entrantsOf(given: Given): Entrant[] {
  return "propose" in given ? [{ researcher: given, share: 1 }] : [...given];
}

function choicesOf({ researchers }: Pick<Contract, "researchers">, { choice }: Named): ResearcherChoice[] {
  return choice ? [choice] : researchers;
}

/**
 * Before anything is measured: somebody who cannot be asked, and a limit that could not be kept, are refused.
 *
 * @throws UserError
 */
export async function refuseHopeless(
  lab: { contract: Contract },
  options: Named & Parameters<typeof limitsOf>[1],
): Promise<void> {
  const { researcher: given } = options;
  const mains = given
    ? entrantsOf(given).map(({ researcher }) => researcher)
    : await Promise.all(choicesOf(lab.contract, options).map((choice) => foresee(choice, process.env)));
  refuseUnkeepable(mains, limitsOf(lab, options));
}

function refuseUnkeepable(mains: readonly Foreseen[], { money, tokens }: Limits): void {
  for (const { name, paid, reports } of mains) {
    if (!paid || !reports) continue;
    if (money !== null && !reports.dollars)
      throw new UserError(
        `a limit on money cannot be kept with ${name}: it does not say what a turn costs`,
        reports.tokens
          ? "limit the tokens instead (`--tokens`, or `tokens` under `session`)"
          : "limit the experiments or the time instead (`--experiments`, `--for`)",
      );
    if (tokens !== null && !reports.tokens)
      throw new UserError(
        `a limit on tokens cannot be kept with ${name}: it does not say how many a turn takes`,
        "limit the experiments or the time instead (`--experiments`, `--for`)",
      );
  }
}

/** The newest pulls that the choice among several rests on. */
const remembered = 500;

/**
 * Whose turn it is: the control's while it has had less than its share of the evaluation time, else one of the others
 * by gain per cost. The same for the same seed and ledger.
 *
 * @param control null when it has nothing to say now.
 * @param open those who can be asked now, at least one.
 * @param fruitless turns that came to nothing so far.
 */
export async function next(
  { ledger, row }: Pick<Session, "ledger" | "row">,
  { spent, decided }: Pick<Course, "spent" | "decided">,
  { control }: Pick<Researchers, "control">,
  open: readonly Entrant[],
  fruitless: number,
): Promise<Entrant> {
  const all = Object.values(spent).reduce((sum, ms) => sum + ms, 0);
  // The main researcher begins.
  if (control && all > 0) {
    const { entrant, share } = control;
    if ((spent[entrant.researcher.name] ?? 0) < share * all) return entrant;
  }
  const [only, ...more] = open as [Entrant, ...Entrant[]];
  if (more.length === 0) return only;
  const past = await pulls(ledger, row.id, remembered);
  const name = choose(
    open.map(({ researcher, share }) => ({ name: researcher.name, share, paid: researcher.paid === true })),
    past,
    generator(row.seed, decided, fruitless),
  );
  return open.find(({ researcher }) => researcher.name === name) ?? only;
}

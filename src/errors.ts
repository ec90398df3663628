/** A mistake or obstacle of the user's world, shown without a stack trace. */
export class UserError extends Error {
  /** What to do next, one sentence; several ways stand on a line each. Empty when the message says it all. */
  readonly fix: string;
  constructor(message: string, fix = "") {
    super(message);
    this.name = "UserError";
    this.fix = fix;
  }
}

/** The use was right and what was run failed: exit code 1 instead of 2. */
export class RunFailed extends UserError {
  constructor(message: string, fix = "") {
    super(message, fix);
    this.name = "RunFailed";
  }
}

/** Something that `program.md` names is missing or cannot be used; whoever knows the file adds the line and column. */
export class ContractError extends UserError {
  /** Path of the key: names of properties, indices of lists, and the text of an item where its index is not known. */
  readonly at: readonly (string | number)[];
  constructor(at: readonly (string | number)[], message: string, fix = "") {
    super(message, fix);
    this.name = "ContractError";
    this.at = at;
  }
}

/** Thrown when a run was ended by the user; nothing of it is recorded. */
export class Interrupted extends Error {}

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

import * as z from "zod";
import { UserError } from "../errors.ts";
import type { HatchRequest } from "./protocol.ts";

const number = z.int().min(1).max(1e9);
const words = (longest: number) => z.string().trim().min(1).max(longest);
const about = { lab: z.string().max(4096).optional(), json: z.boolean().optional() };
const asks = <const Ask extends string>(ask: Ask) => ({ ask: z.literal(ask), ...about });

/** The exact shape of each request; a request with any other key is refused. */
const request = z.discriminatedUnion("ask", [
  z.strictObject({ ...asks("start"), from: number.optional() }),
  z.strictObject({
    ...asks("try"),
    what: words(200),
    because: words(2000),
    expect: words(1000).optional(),
    idea: number.optional(),
  }),
  z.strictObject(asks("status")),
  z.strictObject(asks("ideas")),
  z.strictObject({ ...asks("context"), budget: z.int().min(400).max(100_000).optional() }),
  z.strictObject({ ...asks("log"), newest: z.int().min(1).max(1000).optional() }),
  z.strictObject({ ...asks("failures"), newest: z.int().min(1).max(200).optional() }),
  z.strictObject({ ...asks("show"), id: number }),
  z.strictObject({ ...asks("diff"), id: number }),
  z.strictObject({
    ...asks("learn"),
    id: number,
    hypothesis: z.enum(["confirmed", "refuted"]),
    lesson: words(1000),
  }),
  z.strictObject({ ...asks("idea"), text: words(1000) }),
  z.strictObject(asks("mcp")),
]);

/**
 * Checks a request as it came in, as a whole.
 *
 * @throws UserError with what is wrong.
 */
export function parseRequest(line: string): HatchRequest {
  let given: unknown;
  try {
    given = JSON.parse(line);
  } catch {
    throw new UserError("the request is not JSON", "use `whet` to ask");
  }
  const parsed = request.safeParse(given);
  if (parsed.success) return parsed.data as HatchRequest;
  const [issue] = parsed.error.issues;
  throw new UserError(
    `an agent in a sandbox may not ask for this: ${issue?.path.join(".") || "ask"}: ${issue?.message}`,
    "`whet --help` lists what it may ask for",
  );
}

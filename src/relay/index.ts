export { isPublic } from "./addresses.ts";
export { allowed } from "./hosts.ts";
export type { ModelUse } from "./model/account.ts";
export type { Asker, Book, Call, StoredAnswer } from "./model/book.ts";
export { grantedModel, pinOf } from "./model/granted.ts";
export type { Spent } from "./model/meter.ts";
export { endToEnd, framing, masked, maskedHeaders, masking, refuse, shortestSecret } from "./passing.ts";
export { dollarsOf, isPriced } from "./prices.ts";
export { type Environment, type Key, keyFor, type ProviderName, providers } from "./providers.ts";
export { openProxy } from "./proxy.ts";
export {
  type EvaluationRelays,
  openRelays,
  openStepWay,
  type Relays,
  type Used,
  type Way,
} from "./relays.ts";

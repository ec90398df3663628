/** What a provider answered: kept where the grant says `cache`. */
export interface StoredAnswer {
  contentType: string;
  body: Buffer;
}

/** One call of a model, as it is recorded. */
export interface Call {
  asker: Asker;
  /** As in the contract: `provider/model`. */
  model: string;
  /** Names request and pair; null where nothing is cached. */
  key: string | null;
  answer: StoredAnswer | null;
  /** Of the provider's answer; 0: it could not be reached, or broke off. */
  status: number;
  /** Tokens; counted by us where the provider does not say. */
  tokensIn: number;
  tokensOut: number;
  /** US dollars at list price; null where no price is known. */
  dollars: number | null;
  /** Milliseconds since the epoch. */
  startedAt: number;
  wallMs: number;
}

/** Who asks: the candidate, or the scorer. */
export type Asker = "run" | "score";

/** The durable record of all calls of a session. */
export interface Book {
  /** What was spent on a model by an asker, in earlier processes as well. */
  spent(asker: Asker, model: string): Promise<{ calls: number; tokens: number; dollars: number }>;
  find(asker: Asker, key: string): Promise<StoredAnswer | null>;
  add(call: Call): Promise<void>;
}

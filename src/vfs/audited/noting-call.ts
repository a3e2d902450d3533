import type { Call, Logger, ObjectFacts } from '../../model/call.js';

/** A call that keeps the facts about its object. */
export class NotingCall implements Call {
  readonly #call: Call;
  /** The facts so far. Calls about one file share them. */
  facts: ObjectFacts;

  constructor(call: Call, facts: ObjectFacts = {}) {
    this.#call = call;
    this.facts = facts;
  }

  get id(): string {
    return this.#call.id;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }

  get log(): Logger {
    return this.#call.log;
  }

  readonly note = (facts: ObjectFacts): void => {
    this.facts = { ...this.facts, ...facts };
  };
}

import { type Measures, noMeasures } from '../../src/model/measures.js';

/** Counts the requests to S3, by operation, and the durable commits of the ledger. */
export class RequestCounts {
  #requests = new Map<string, number>();
  #commits = 0;

  /** Receives what the store and the database measure. */
  readonly measures: Measures = {
    ...noMeasures,
    s3Attempt: (operation) => {
      this.#requests.set(operation, (this.#requests.get(operation) ?? 0) + 1);
    },
    databaseCommit: () => {
      this.#commits += 1;
    },
  };

  /** Returns the counts since the last call. Operations without a request are absent. */
  take(): Readonly<Record<string, number>> {
    const counts = { ...Object.fromEntries(this.#requests), commits: this.#commits };
    this.#requests = new Map();
    this.#commits = 0;
    return counts;
  }
}

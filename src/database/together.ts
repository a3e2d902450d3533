/**
 * Waits for statements that were issued together: a database server answers them in one round trip, and runs them in
 * this order. Waits for all of them before it throws the error of the first one that failed.
 */
export async function together(...statements: readonly (Promise<unknown> | null)[]): Promise<void> {
  for (const result of await Promise.allSettled(statements)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

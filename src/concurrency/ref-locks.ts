import type { ObjectRef } from '../model/object-store.js';
import { Turns } from './turns.js';

/**
 * One change at a time to one object, within this process: a move does not remove what an upload has just put
 * where its source was, and the ledger's order of rows is S3's order of versions.
 */
export class RefLocks {
  readonly #turns = new Map<string, Turns>();

  /** Runs `work` alone among those that name one of the objects. */
  async alone<T>(refs: readonly ObjectRef[], work: () => Promise<T>): Promise<T> {
    // In one order for everybody, so that two moves in opposite directions do not wait for each other.
    const names = [...new Set(refs.map((ref) => `${ref.bucket}/${ref.key}`))].sort();
    for (const name of names) await this.#turnsOf(name).enter();
    try {
      return await work();
    } finally {
      for (const name of names) this.#leave(name);
    }
  }

  #turnsOf(name: string): Turns {
    let turns = this.#turns.get(name);
    if (turns === undefined) {
      turns = new Turns();
      this.#turns.set(name, turns);
    }
    return turns;
  }

  #leave(name: string): void {
    const turns = this.#turns.get(name);
    turns?.leave();
    if (turns?.isIdle) this.#turns.delete(name);
  }
}

import { setMaxListeners } from 'node:events';
import type { Call } from '../../model/call.js';

/** Hears of it when the client of an upload goes away, until that does not matter any more. */
export class ClientPresence {
  readonly #gone: () => void;
  #detach: () => void = () => undefined;

  /** `gone` may be called at once, by `follow`. */
  constructor(gone: () => void) {
    this.#gone = gone;
  }

  /** From now on this call's signal counts, and no earlier one. */
  follow({ signal }: Call): void {
    this.#detach();
    // One session may have many uploads.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', this.#gone, { once: true });
    this.#detach = () => signal.removeEventListener('abort', this.#gone);
    if (signal.aborted) this.#gone();
  }

  /** The upload goes on without a client. */
  release(): void {
    this.#detach();
  }
}

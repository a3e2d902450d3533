import { setMaxListeners } from 'node:events';
import type { Call } from '../../model/call.js';

/** Reports that the client of an upload has gone, until that no longer matters. */
export class ClientPresence {
  readonly #gone: () => void;
  #detach: () => void = () => undefined;

  /** `gone` may be called immediately, by `follow`. */
  constructor(gone: () => void) {
    this.#gone = gone;
  }

  /** Listens to the signal of this call, and no longer to earlier ones. */
  follow({ signal }: Call): void {
    this.#detach();
    // One session may have many uploads.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', this.#gone, { once: true });
    this.#detach = () => signal.removeEventListener('abort', this.#gone);
    if (signal.aborted) this.#gone();
  }

  /** Stops listening: the upload continues without a client. */
  release(): void {
    this.#detach();
  }
}

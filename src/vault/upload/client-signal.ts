import { setMaxListeners } from 'node:events';
import type { Call } from '../../model/call.js';

/** Calls back when the client of an upload disconnects, until the upload continues without a client. */
export class ClientSignal {
  readonly #onDisconnect: () => void;
  #detach: () => void = () => undefined;

  /** `onDisconnect` may be called immediately, by `follow`. */
  constructor(onDisconnect: () => void) {
    this.#onDisconnect = onDisconnect;
  }

  /** Listens to the signal of this call, and no longer to earlier ones. */
  follow({ signal }: Call): void {
    this.#detach();
    // One session may have many uploads.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', this.#onDisconnect, { once: true });
    this.#detach = () => signal.removeEventListener('abort', this.#onDisconnect);
    if (signal.aborted) this.#onDisconnect();
  }

  /** Stops listening: the upload continues without a client. */
  release(): void {
    this.#detach();
  }
}

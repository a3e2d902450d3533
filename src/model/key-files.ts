import type { CustomerKey } from './customer-key.js';

/**
 * Raw key files (`sse.key`, `sse-sync.key`): 32 bytes, mode 0600. The keyring implements this port
 * for the users' files.
 */
export interface KeyFiles {
  /**
   * Returns null if there is no such file. Throws `invalid` (not 32 bytes, with a hint if it looks
   * like base64) or `denied`, naming the path.
   */
  load(path: string): Promise<CustomerKey | null>;
  /**
   * Writes the file atomically and durably, with mode 0600. Keeps an existing file with another key
   * as `PATH.FINGERPRINT`.
   */
  store(path: string, key: CustomerKey): Promise<void>;
  /** Returns the key at the path, then the kept ones beside it, newest first; empty if there is none. */
  loadAll(path: string): Promise<readonly CustomerKey[]>;
}

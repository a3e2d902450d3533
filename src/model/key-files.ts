import type { CustomerKey } from './customer-key.js';

/** Raw key files (`sse.key`, `sse-sync.key`): 32 bytes, mode 0600. The keyring implements it; the users' files need it. */
export interface KeyFiles {
  /** Null when there is no such file. Throws `invalid` (not 32 bytes; says so when it looks like base64) or `denied`, naming the path. */
  load(path: string): Promise<CustomerKey | null>;
  /** Writes atomically and durably, 0600. An existing file with another key is first kept as `PATH.FINGERPRINT`. */
  store(path: string, key: CustomerKey): Promise<void>;
  /** The key at the path, then every kept one beside it, newest first. Empty when there is none. */
  loadAll(path: string): Promise<readonly CustomerKey[]>;
}

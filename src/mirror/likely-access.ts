import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import { noKey, type ReadAccess } from '../model/encryption.js';

/** Guesses the key of the next object of a prefix. Most objects have the same key as the last ones. */
export class LikelyAccess {
  #keys: readonly CustomerKey[] = [];
  #last: KeyFingerprint | null | undefined = undefined;

  set keys(keys: readonly CustomerKey[]) {
    this.#keys = keys;
  }

  get keys(): readonly CustomerKey[] {
    return this.#keys;
  }

  get fingerprints(): ReadonlySet<KeyFingerprint> {
    return new Set(this.#keys.map((key) => key.fingerprint));
  }

  /**
   * Returns the likeliest access. `earlier` is the key of the object's last version: null if it had none,
   * undefined for a new object.
   */
  guess(earlier: KeyFingerprint | null | undefined): ReadAccess {
    return this.#accessOf(earlier) ?? this.#accessOf(this.#last) ?? this.#first();
  }

  opened(access: ReadAccess): void {
    this.#last = fingerprintOf(access);
  }

  #accessOf(fingerprint: KeyFingerprint | null | undefined): ReadAccess | null {
    if (fingerprint === undefined) return null;
    if (fingerprint === null) return noKey;
    const key = this.#keys.find((one) => one.fingerprint === fingerprint);
    return key === undefined ? null : { kind: 'sse-c', key };
  }

  #first(): ReadAccess {
    const [key] = this.#keys;
    return key === undefined ? noKey : { kind: 'sse-c', key };
  }
}

/** Returns the fingerprint of the key of an access; null without a key. */
export function fingerprintOf(access: ReadAccess): KeyFingerprint | null {
  return access.kind === 'sse-c' ? access.key.fingerprint : null;
}

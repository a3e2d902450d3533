import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../model/call.js';

const lifetimeMs = 15 * 60_000;
const maxRemembered = 1_000;
/** Stands in for the stored text of a user without a password. */
const standInText = '$scrypt$';

interface Remembered {
  readonly mac: Buffer;
  readonly untilMs: number;
}

/**
 * Remembers the passwords that logged in lately, so that a user who logs in again does not wait for scrypt while others guess. A
 * password is kept as an HMAC of it and of its stored text, under a key that is never written: a changed password is not recognised,
 * and the HMAC is useless outside this process.
 */
export class RecentPasswords {
  readonly #key = randomBytes(32);
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** By the stored text, which has a salt and so is the user's. The oldest first. */
  readonly #passwords = new Map<string, Remembered>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Returns true if this password logged in lately with this stored text. Does the same work for other passwords, and for null. */
  has(password: string, stored: string | null): boolean {
    const mac = this.#mac(password, stored ?? standInText);
    const remembered = stored === null ? undefined : this.#passwords.get(stored);
    const isEqual = timingSafeEqual(mac, remembered?.mac ?? Buffer.alloc(mac.length));
    return isEqual && remembered !== undefined && remembered.untilMs > this.#clock.monotonicMs();
  }

  /** The password was checked against the stored text, and is right. */
  add(password: string, stored: string): void {
    this.#passwords.delete(stored);
    this.#passwords.set(stored, {
      mac: this.#mac(password, stored),
      untilMs: this.#clock.monotonicMs() + lifetimeMs,
    });
    const [oldest] = this.#passwords.keys();
    if (this.#passwords.size > maxRemembered && oldest !== undefined) this.#passwords.delete(oldest);
  }

  #mac(password: string, stored: string): Buffer {
    return createHmac('sha256', this.#key).update(stored).update('\0').update(password).digest();
  }
}

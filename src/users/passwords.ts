import { type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';

/**
 * scrypt's parameters (RFC 7914 section 2). Memory is 128 * r * 2^ln bytes; time is also proportional
 * to p.
 */
export interface ScryptCost {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/**
 * 32 MiB and three passes:
 * https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt
 */
export const defaultCost: ScryptCost = { ln: 15, r: 8, p: 3 };

const saltBytes = 16;
const hashBytes = 32;
/** Longer passwords cannot be set and never match. */
const maxPasswordBytes = 1024;
/** Each hash takes 32 MiB and one of libuv's four threads, which file system calls need too. */
const maxConcurrent = 2;
/** Maximum waiting passwords, so that an attacker cannot make others wait for minutes. */
const maxWaiting = 64;

interface StoredPassword {
  readonly cost: ScryptCost;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** Hashes and verifies passwords stored as `$scrypt$v=1$ln=15,r=8,p=3$SALT$HASH` (the PHC string format). */
export class Passwords {
  readonly #entropy: Entropy;
  readonly #cost: ScryptCost;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(entropy: Entropy, cost: ScryptCost = defaultCost) {
    this.#entropy = entropy;
    this.#cost = cost;
  }

  /** Returns the text to store. Throws `invalid` for a password that is empty or too long. */
  async hash(password: string): Promise<string> {
    const length = Buffer.byteLength(password);
    if (length === 0 || length > maxPasswordBytes) {
      throw new Fault('invalid', `a password must have 1 to ${maxPasswordBytes} bytes`);
    }
    const salt = this.#entropy.bytes(saltBytes);
    const hash = await this.#derive(password, salt, this.#cost);
    const { ln, r, p } = this.#cost;
    return `$scrypt$v=1$ln=${ln},r=${r},p=${p}$${encode(salt)}$${encode(hash)}\n`;
  }

  /**
   * Reports whether the password is the stored one. With null it returns false after the same time, so that
   * the time does not reveal whether an account exists. Throws `throttled` while too many passwords are being
   * checked, and `invalid` for a stored text in an unknown format.
   */
  async verify(password: string, stored: string | null): Promise<boolean> {
    let expected: StoredPassword | null = null;
    let trouble: Fault | null = null;
    try {
      expected = stored === null ? null : parseStored(stored);
    } catch (error) {
      trouble = Fault.from(error);
    }
    const salt = expected?.salt ?? this.#entropy.bytes(saltBytes);
    const found = await this.#derive(password, salt, expected?.cost ?? this.#cost);
    if (trouble !== null) throw trouble;
    const isEqual = timingSafeEqual(found, expected?.hash ?? new Uint8Array(hashBytes));
    return isEqual && expected !== null && Buffer.byteLength(password) <= maxPasswordBytes;
  }

  async #derive(password: string, salt: Uint8Array, cost: ScryptCost): Promise<Buffer> {
    await this.#enter();
    try {
      const options: ScryptOptions = {
        N: 2 ** cost.ln,
        r: cost.r,
        p: cost.p,
        maxmem: 256 * 2 ** cost.ln * cost.r,
      };
      // Clients send the same characters composed or decomposed. RFC 4013 requires NFKC.
      const secret = Buffer.from(password.normalize('NFKC')).subarray(0, 4 * maxPasswordBytes);
      return await new Promise<Buffer>((resolve, reject) => {
        scrypt(secret, salt, hashBytes, options, (error, key) => (error ? reject(error) : resolve(key)));
      });
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < maxConcurrent) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= maxWaiting) {
      throw new Fault('throttled', 'too many passwords are being checked in parallel; try again later');
    }
    // `#leave` hands its slot over, so `#running` does not change.
    await new Promise<void>((resume) => this.#waiting.push(resume));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

function parseStored(text: string): StoredPassword {
  const match =
    /^\$scrypt\$v=1\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
      text.trim(),
    );
  const [ln = 0, r = 0, p = 0] = match?.slice(1, 4).map(Number) ?? [];
  const salt = Buffer.from(match?.[4] ?? '', 'base64');
  const hash = Buffer.from(match?.[5] ?? '', 'base64');
  // The limits keep a manipulated file from using gigabytes of memory.
  const isSane = ln >= 10 && ln <= 18 && r >= 1 && r <= 16 && p >= 1 && p <= 16;
  if (match === null || !isSane || salt.length < 8 || hash.length !== hashBytes) {
    throw new Fault('invalid', 'the stored password has an unknown format; set the password again');
  }
  return { cost: { ln, r, p }, salt, hash };
}

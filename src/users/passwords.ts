import { type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';

/** scrypt's parameters (RFC 7914 section 2): memory is 128 * r * 2^ln bytes, time also grows with p. */
export interface ScryptCost {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** 32 MiB and three passes: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt */
export const defaultCost: ScryptCost = { ln: 15, r: 8, p: 3 };

const saltBytes = 16;
const hashBytes = 32;
/** Longer passwords are refused when set, and never right. */
const maxPasswordBytes = 1024;
/** Each takes 32 MiB and a thread of libuv's four, which file work needs too. */
const maxConcurrent = 2;
/** Whoever comes behind these is turned away: an attacker must not queue up memory and minutes. */
const maxWaiting = 64;

interface StoredPassword {
  readonly cost: ScryptCost;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** Makes and checks the content of password files: `$scrypt$v=1$ln=15,r=8,p=3$SALT$HASH` (the PHC string format). */
export class Passwords {
  readonly #entropy: Entropy;
  readonly #cost: ScryptCost;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(entropy: Entropy, cost: ScryptCost = defaultCost) {
    this.#entropy = entropy;
    this.#cost = cost;
  }

  /** The text to store. Throws `invalid` for a password that is empty or too long. */
  async hash(password: string): Promise<string> {
    const length = Buffer.byteLength(password);
    if (length === 0 || length > maxPasswordBytes) {
      throw new Fault('invalid', `a password has 1 to ${maxPasswordBytes} bytes`);
    }
    const salt = this.#entropy.bytes(saltBytes);
    const hash = await this.#derive(password, salt, this.#cost);
    const { ln, r, p } = this.#cost;
    return `$scrypt$v=1$ln=${ln},r=${r},p=${p}$${encode(salt)}$${encode(hash)}\n`;
  }

  /**
   * True when the password is the stored one. With null it takes as long and is false: nobody learns from the time
   * whether an account is there. Throws `throttled` when too many are being checked, `invalid` for a text that is no
   * stored password.
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
      // Clients send the same characters composed or decomposed; NFKC is what RFC 4013 prescribes.
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
      throw new Fault('throttled', 'too many passwords are being checked at once');
    }
    // The place is handed over by `#leave`, so `#running` stays as it is.
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
  // A file that asks for a gigabyte of memory must not get it.
  const isSane = ln >= 10 && ln <= 18 && r >= 1 && r <= 16 && p >= 1 && p <= 16;
  if (match === null || !isSane || salt.length < 8 || hash.length !== hashBytes) {
    throw new Fault(
      'invalid',
      'this is not a stored password of a form this version knows; set the password again',
    );
  }
  return { cost: { ln, r, p }, salt, hash };
}

import { type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { HashTurns } from './logins/hash-turns.js';
import { RecentPasswords } from './logins/recent-passwords.js';

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

/** The attempt that a hash is computed for. */
export interface HashTurn {
  /** Attempts of one source wait for each other: see `HashTurns`. */
  readonly source: string;
  /** Gives up the turn while the attempt waits. */
  readonly signal?: AbortSignal;
}

/** Hashes for administrators. */
const localTurn: HashTurn = { source: '' };

interface StoredPassword {
  readonly cost: ScryptCost;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** Hashes and verifies passwords stored as `$scrypt$v=1$ln=15,r=8,p=3$SALT$HASH` (the PHC string format). */
export class Passwords {
  readonly #entropy: Entropy;
  readonly #cost: ScryptCost;
  readonly #turns = new HashTurns();
  readonly #recent = new RecentPasswords({ monotonicMs: () => performance.now() });

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
    const hash = await this.#derive(password, salt, this.#cost, localTurn);
    const { ln, r, p } = this.#cost;
    return `$scrypt$v=1$ln=${ln},r=${r},p=${p}$${encode(salt)}$${encode(hash)}\n`;
  }

  /**
   * Reports whether the password is the stored one. With null it returns false after the same time,
   * so that the time does not reveal whether an account exists. A password that was right within the
   * last 15 minutes takes no turn. Throws `throttled` while too many
   * passwords are being checked, `cancelled` if the turn's signal aborts, and `invalid` for a stored
   * text in an unknown format.
   */
  async verify(password: string, stored: string | null, turn: HashTurn): Promise<boolean> {
    let expected: StoredPassword | null = null;
    let trouble: Fault | null = null;
    try {
      expected = stored === null ? null : parseStored(stored);
    } catch (error) {
      trouble = Fault.from(error);
    }
    if (this.#recent.has(password, stored)) return true;
    const salt = expected?.salt ?? this.#entropy.bytes(saltBytes);
    const found = await this.#derive(password, salt, expected?.cost ?? this.#cost, turn);
    if (trouble !== null) throw trouble;
    const isEqual = timingSafeEqual(found, expected?.hash ?? new Uint8Array(hashBytes));
    const isRight = isEqual && expected !== null && Buffer.byteLength(password) <= maxPasswordBytes;
    if (isRight && stored !== null) this.#recent.add(password, stored);
    return isRight;
  }

  async #derive(password: string, salt: Uint8Array, cost: ScryptCost, turn: HashTurn): Promise<Buffer> {
    const endTurn = await this.#turns.take(turn.source, turn.signal);
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
      endTurn();
    }
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

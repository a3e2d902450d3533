import { createHmac, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import { base32 } from '@scure/base';
import type { Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';

/** RFC 6238 section 4.1 and RFC 4226 section 5.3, with the values that every authenticator app has. */
const stepSeconds = 30;
const digits = 6;
/** RFC 4226 section 4, R6. */
const newSecretBytes = 20;
const minSecretBytes = 16;
const maxSecretBytes = 64;
/** A clock may be one step fast or slow (RFC 6238 section 6). */
const drifts = [0, -1, 1] as const;

/** The secret of one user's codes. All ways of printing the object hide it; only `reveal` returns it. */
export class TotpSecret {
  readonly #bytes: Uint8Array;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  static generate(entropy: Entropy): TotpSecret {
    return new TotpSecret(entropy.bytes(newSecretBytes));
  }

  /**
   * Reads base32 (RFC 4648 section 6). Ignores case, blanks and padding. Throws `invalid` with the
   * reason, never with the text.
   */
  static parse(text: string): TotpSecret {
    const letters = text
      .replace(/[\s-]+/g, '')
      .replace(/=+$/, '')
      .toUpperCase();
    let bytes: Uint8Array;
    try {
      bytes = base32.decode(letters.padEnd(Math.ceil(letters.length / 8) * 8, '='));
    } catch {
      // The library's error contains the text.
      throw new Fault('invalid', 'the TOTP secret is not base32');
    }
    if (bytes.byteLength < minSecretBytes || bytes.byteLength > maxSecretBytes) {
      throw new Fault(
        'invalid',
        `the TOTP secret has ${bytes.byteLength} bytes: expected ${minSecretBytes} to ${maxSecretBytes}`,
      );
    }
    return new TotpSecret(bytes);
  }

  /** Returns the secret in base32, for its file and for the user. */
  reveal(): string {
    return base32.encode(this.#bytes).replace(/=+$/, '');
  }

  /** Returns the step whose code this is, among the present one and its neighbours. Null for a wrong code. */
  stepOf(code: string, nowMs: number): number | null {
    const given = Buffer.alloc(digits);
    const normal = code.replace(/\s+/g, '');
    given.write(normal, 'latin1');
    const now = Math.floor(nowMs / 1000 / stepSeconds);
    let found: number | null = null;
    // All codes are computed and compared, so that the time tells nothing.
    for (const drift of drifts) {
      const expected = Buffer.from(this.#codeOf(now + drift), 'latin1');
      if (timingSafeEqual(given, expected) && normal.length === digits) found ??= now + drift;
    }
    return found;
  }

  /** Returns the code at a time. */
  codeAt(nowMs: number): string {
    return this.#codeOf(Math.floor(nowMs / 1000 / stepSeconds));
  }

  #codeOf(step: number): string {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.max(0, step)));
    const hash = createHmac('sha1', this.#bytes).update(counter).digest();
    const offset = (hash.at(-1) ?? 0) & 0x0f;
    return String((hash.readUInt32BE(offset) & 0x7fff_ffff) % 10 ** digits).padStart(digits, '0');
  }

  toString(): string {
    return 'TotpSecret';
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/**
 * Returns the URI that authenticator apps read from a QR code
 * (https://github.com/google/google-authenticator/wiki/Key-Uri-Format). It contains the secret.
 */
export function totpUri(secret: TotpSecret, username: string, host: string): string {
  const issuer = 'sftpgw';
  const label = `${issuer}:${encodeURIComponent(`${username}@${host}`)}`;
  return `otpauth://totp/${label}?secret=${secret.reveal()}&issuer=${issuer}&algorithm=SHA1&digits=${digits}&period=${stepSeconds}`;
}

/** Wrong codes of one user within one step. Further codes are refused unchecked until the next step. */
export const maxWrongCodes = 5;

/** The last codes of one user. */
export interface CodeState {
  /** The step of the last accepted code. */
  readonly usedStep: number;
  readonly wrongStep: number;
  readonly wrongCodes: number;
}

const unused: CodeState = { usedStep: -1, wrongStep: -1, wrongCodes: 0 };

/**
 * Accepts each code of a user once (RFC 6238 section 5.2), and few guesses in each step. Remembers
 * three numbers for each user who gave a code. A restart forgets them.
 */
export class TotpCodes {
  readonly #states = new Map<string, CodeState>();
  #changed: (username: string, state: CodeState) => void = () => undefined;

  /** Calls `changed` for each code that was accepted or refused, for other processes that check codes. */
  share(changed: (username: string, state: CodeState) => void): void {
    this.#changed = changed;
  }

  /** Learns what another process did with the codes of a user. */
  learn(username: string, other: CodeState): void {
    const own = this.#states.get(username) ?? unused;
    const wrongStep = Math.max(own.wrongStep, other.wrongStep);
    // Both may have counted the same refusal.
    const wrongOf = (state: CodeState) => (state.wrongStep === wrongStep ? state.wrongCodes : 0);
    const wrongCodes = Math.max(wrongOf(own), wrongOf(other));
    this.#states.set(username, { usedStep: Math.max(own.usedStep, other.usedStep), wrongStep, wrongCodes });
  }

  /** Checks a code of an existing user. A code before one that was accepted is refused. */
  accept(username: string, secret: TotpSecret, code: string, nowMs: number): boolean {
    const state = this.#states.get(username) ?? unused;
    const now = Math.floor(nowMs / 1000 / stepSeconds);
    const wrongCodes = state.wrongStep === now ? state.wrongCodes : 0;
    const step = secret.stepOf(code, nowMs);
    if (wrongCodes >= maxWrongCodes) return false;
    const isAccepted = step !== null && step > state.usedStep;
    const next = isAccepted
      ? { usedStep: step, wrongStep: now, wrongCodes: 0 }
      : { usedStep: state.usedStep, wrongStep: now, wrongCodes: wrongCodes + 1 };
    this.#states.set(username, next);
    this.#changed(username, next);
    return isAccepted;
  }
}

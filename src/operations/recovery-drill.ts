import { randomInt, timingSafeEqual } from 'node:crypto';
import { sealTo } from '../keyring/age.js';
import type { Clock, Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { Keyring, KeyringCustody } from '../model/keyring.js';

/** A challenge: only the holder of the recovery identity can read its words. */
export interface DrillChallenge {
  readonly id: string;
  /** An age file in ASCII armour, sealed to one recovery recipient. `age -d -i IDENTITY` prints the words. */
  readonly sealed: string;
  readonly recipient: string;
  readonly expiresMs: number;
}

/** The answer to a challenge. */
export interface DrillResult {
  readonly recipient: string;
  readonly provenMs: number;
}

const words = 6;
const letters = 'abcdefghijkmnpqrstuvwxyz';
const lettersPerWord = 4;
const validMs = 60 * 60 * 1000;
/** Guessing all letters takes more than this many attempts by far. */
const maxAttempts = 5;
const maxOpen = 100;

interface OpenChallenge {
  readonly challenge: DrillChallenge;
  readonly answer: string;
  attempts: number;
}

/**
 * Proves that someone has the recovery identity, without the identity: the gateway seals random words to the
 * recipient, the holder opens them offline and types them. Challenges live in memory for an hour.
 */
export class RecoveryDrills {
  readonly #keyring: Pick<Keyring & KeyringCustody, 'recoveryRecipients'>;
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  readonly #open = new Map<string, OpenChallenge>();

  constructor(keyring: Pick<Keyring & KeyringCustody, 'recoveryRecipients'>, clock: Clock, entropy: Entropy) {
    this.#keyring = keyring;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  /** Creates a challenge for a recipient (null: the only one). Throws `not-found` and `invalid`. */
  async begin(recipient: string | null): Promise<DrillChallenge> {
    const recipients = await this.#keyring.recoveryRecipients();
    const chosen = recipient ?? (recipients.length === 1 ? recipients[0] : undefined);
    if (recipients.length === 0) {
      throw new Fault('not-found', 'there is no recovery recipient: run `sftpgw recovery init`');
    }
    if (chosen === undefined) throw new Fault('invalid', 'there are several recovery recipients: name one');
    if (!recipients.includes(chosen)) throw new Fault('not-found', 'there is no such recovery recipient');
    const answer = Array.from({ length: words }, newWord).join(' ');
    const sealed = armoured(await sealTo([chosen], Buffer.from(`${answer}\n`)));
    const expiresMs = this.#clock.nowMs() + validMs;
    const challenge = { id: this.#entropy.id(), sealed, recipient: chosen, expiresMs };
    this.#forgetOld();
    this.#open.set(challenge.id, { challenge, answer, attempts: 0 });
    return challenge;
  }

  /** Checks the words of a challenge, which then is closed. Throws `not-found` and `denied` (wrong words). */
  answer(id: string, text: string): DrillResult {
    const open = this.#open.get(id);
    if (open === undefined || open.challenge.expiresMs <= this.#clock.nowMs()) {
      this.#open.delete(id);
      throw new Fault('not-found', 'there is no such challenge, or it has expired: begin a new one');
    }
    open.attempts += 1;
    const given = Buffer.from(text.trim().toLowerCase().split(/\s+/).join(' '));
    const wanted = Buffer.from(open.answer);
    const isRight = given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted);
    if (isRight || open.attempts >= maxAttempts) this.#open.delete(id);
    if (!isRight) throw new Fault('denied', 'these are not the words of the challenge');
    return { recipient: open.challenge.recipient, provenMs: this.#clock.nowMs() };
  }

  #forgetOld(): void {
    const nowMs = this.#clock.nowMs();
    for (const [id, { challenge }] of this.#open) if (challenge.expiresMs <= nowMs) this.#open.delete(id);
    const [oldest] = this.#open.keys();
    if (this.#open.size >= maxOpen && oldest !== undefined) this.#open.delete(oldest);
  }
}

function newWord(): string {
  return Array.from({ length: lettersPerWord }, () => letters[randomInt(letters.length)]).join('');
}

/** Returns an age file in ASCII armour (age-encryption.org/v1), which a person can copy. */
function armoured(bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN AGE ENCRYPTED FILE-----', ...lines, '-----END AGE ENCRYPTED FILE-----', ''].join('\n');
}

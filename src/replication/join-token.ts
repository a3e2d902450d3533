import { createHash } from 'node:crypto';
import { createSecretSeal, type SecretSeal } from '../keyring/secret-seal.js';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';

const prefix = 'sftpgw-join-';
const secretBytes = 32;

/** A token with which one machine may join: 256 random bits. The database has only its digest. */
export class JoinToken {
  /** The token as people pass it on. */
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  static create(entropy: Entropy): JoinToken {
    return new JoinToken(prefix + Buffer.from(entropy.bytes(secretBytes)).toString('base64url'));
  }

  /** Throws `invalid`, without the text, if it is not a token. */
  static parse(text: string): JoinToken {
    const token = text.trim();
    if (/^sftpgw-join-[A-Za-z0-9_-]{43}$/.test(token)) return new JoinToken(token);
    throw new Fault('invalid', `the token is not one of \`sftpgw cluster token\`: expected ${prefix}...`);
  }

  /** The name of the token in the database, from which the token cannot be derived. */
  get hash(): string {
    return createHash('sha256').update(`join ${this.text}`).digest('hex');
  }

  /** Seals the identity of the cluster with a key of the token. */
  async seal(identity: string): Promise<string> {
    return await this.#seal.seal(this.hash, Buffer.from(identity));
  }

  /** Opens the identity. Throws `key-mismatch` if it was changed. */
  async open(sealed: string): Promise<string> {
    return (await this.#seal.open(this.hash, sealed)).toString('utf8');
  }

  get #seal(): SecretSeal {
    const own = async () => ({ secret: this.text, recipient: '' });
    return createSecretSeal({ read: own, readOrMake: own }, 'join token');
  }
}

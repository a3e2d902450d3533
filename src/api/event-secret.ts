import { createHash, timingSafeEqual } from 'node:crypto';
import { secretFileMode, writeFileDurably } from '../files/durable.js';
import { FileCache, type FileContent } from '../files/file-cache.js';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';

/** Minimum length of a secret that a person chose. A generated one has 43 characters. */
const minSecretLength = 16;
const maxFileBytes = 4096;

type Secrets =
  | { readonly kind: 'secrets'; readonly digests: readonly Buffer[] }
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * The file with the accepted secrets, one per line, so that a new one can be added before the old one is
 * removed. It is read again after a change.
 */
export class EventSecret {
  readonly #path: string;
  readonly #file = new FileCache<Secrets>(maxFileBytes, parseSecrets);

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws `invalid`, naming the file, if it does not have a usable secret. */
  async check(): Promise<void> {
    await this.#digests();
  }

  /**
   * Reports, in constant time, whether one of the presented secrets is in the file. Throws as `check`
   * does.
   */
  async accepts(presented: readonly string[]): Promise<boolean> {
    const digests = await this.#digests();
    let isAccepted = false;
    for (const secret of presented) {
      const digest = sha256(secret);
      for (const accepted of digests) if (timingSafeEqual(digest, accepted)) isAccepted = true;
    }
    return isAccepted;
  }

  async #digests(): Promise<readonly Buffer[]> {
    let secrets: Secrets | null;
    try {
      secrets = await this.#file.read(this.#path);
    } catch (error) {
      throw new Fault('invalid', `the secret file ${this.#path} cannot be read`, { cause: error });
    }
    if (secrets === null) throw new Fault('invalid', `the secret file ${this.#path} does not exist`);
    if (secrets.kind === 'invalid') throw new Fault('invalid', `${this.#path}: ${secrets.reason}`);
    return secrets.digests;
  }
}

/**
 * Creates the file with a random secret and mode 0600 if it does not exist. Throws the file system's
 * errors.
 */
export async function ensureEventSecret(path: string, entropy: Entropy): Promise<void> {
  const existing = await new FileCache<Secrets>(maxFileBytes, parseSecrets).read(path);
  if (existing !== null) return;
  const secret = Buffer.from(entropy.bytes(32)).toString('base64url');
  await writeFileDurably(path, `${secret}\n`, secretFileMode);
}

function parseSecrets({ bytes, mode }: FileContent): Secrets {
  if ((mode & 0o077) !== 0) {
    return invalid(`other accounts may read it (mode ${mode.toString(8)}); run chmod 600 on it`);
  }
  if (bytes.byteLength > maxFileBytes) return invalid(`it is longer than ${maxFileBytes} bytes`);
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0) return invalid('it is empty; write one secret per line');
  const isBad = lines.some((line) => line.length < minSecretLength || !/^[!-~]+$/.test(line));
  if (isBad) {
    return invalid(
      `a secret must have ${minSecretLength} or more ASCII characters without spaces, one secret per line`,
    );
  }
  return { kind: 'secrets', digests: lines.map(sha256) };
}

function invalid(reason: string): Secrets {
  return { kind: 'invalid', reason };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

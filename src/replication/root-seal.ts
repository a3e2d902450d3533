import { createHmac, hkdfSync } from 'node:crypto';
import type { AgeIdentity } from '../keyring/age.js';
import type { GatewayIdentity } from '../keyring/gateway-identity.js';
import { createSecretSeal, type SecretSeal } from '../keyring/secret-seal.js';
import { Fault } from '../model/fault.js';

const digestKeyBytes = 32;
/** The first byte of what is sealed. */
const removedMark = Buffer.from([0]);
const contentMark = Buffer.from([1]);

/**
 * Seals the files of a cluster for the database, with keys of the identity (RFC 5869). The seal also shows a change:
 * a content opens only under the path and the version for which it was sealed.
 */
export class RootSeal {
  readonly #seal: SecretSeal;
  readonly #digestKey: Buffer;

  private constructor(seal: SecretSeal, digestKey: Buffer) {
    this.#seal = seal;
    this.#digestKey = digestKey;
  }

  /** Throws `not-found` if the root has no identity, and the faults of its file. */
  static async open(identity: Pick<GatewayIdentity, 'path' | 'read' | 'readOrMake'>): Promise<RootSeal> {
    const own = await identity.read();
    if (own === null) {
      throw new Fault(
        'not-found',
        `${identity.path} does not exist: run \`sftpgw cluster join\` on this machine`,
      );
    }
    return new RootSeal(createSecretSeal(identity, 'root file'), digestKeyOf(own));
  }

  /** The digest that shows whether two nodes have the same identity. */
  get identityDigest(): string {
    return this.#digest('identity', Buffer.alloc(0));
  }

  /** Returns a digest of a content, which reveals nothing without the identity. */
  digest(content: Uint8Array): string {
    return this.#digest('content', content);
  }

  /** Seals a content, or the mark of a removed file for null, so that no one else can remove files. */
  async seal(path: string, version: number, content: Uint8Array | null): Promise<string> {
    const sealed = content === null ? removedMark : Buffer.concat([contentMark, content]);
    return await this.#seal.seal(`${version} ${path}`, sealed);
  }

  /**
   * Returns a content, or null for a removed file. Throws `key-mismatch` if it was sealed for another path or version,
   * or changed.
   */
  async open(path: string, version: number, sealed: string): Promise<Buffer | null> {
    const opened = await this.#seal.open(`${version} ${path}`, sealed);
    return opened[0] === contentMark[0] ? opened.subarray(1) : null;
  }

  #digest(what: string, content: Uint8Array): string {
    return createHmac('sha256', this.#digestKey).update(`${what}\0`).update(content).digest('base64url');
  }
}

function digestKeyOf({ secret }: AgeIdentity): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'sftpgw root file digest v1', digestKeyBytes));
}

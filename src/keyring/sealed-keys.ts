import { CustomerKey, customerKeyBytes, type KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import { type AgeIdentity, sealTo, unseal } from './age.js';
import type { GatewayIdentity } from './gateway-identity.js';
import { type KeyRecord, sealedFileName } from './key-record.js';
import type { KeyringFiles } from './keyring-files.js';
import type { RecoveryRecipients } from './recovery-recipients.js';

/** The result of opening the sealed file of a key. */
export type OpenedKey =
  | { readonly kind: 'opened'; readonly key: CustomerKey }
  | { readonly kind: 'failed'; readonly fault: Fault };

/** Seals keys into their files, and opens them. */
export class SealedKeys {
  readonly #files: KeyringFiles;
  readonly #identity: GatewayIdentity;
  readonly #recipients: RecoveryRecipients;
  /** Opened keys. They cannot become wrong, because a key's id is its digest. */
  readonly #opened = new Map<KeyFingerprint, CustomerKey>();

  constructor(files: KeyringFiles, identity: GatewayIdentity, recipients: RecoveryRecipients) {
    this.#files = files;
    this.#identity = identity;
    this.#recipients = recipients;
  }

  /** Returns the recipients of every key, the gateway first; null while the gateway has no identity. */
  async recipients(): Promise<readonly string[] | null> {
    const identity = await this.#identity.read();
    return identity === null ? null : [identity.recipient, ...(await this.#recipients.read())];
  }

  /** Opens a key, from memory if possible. Throws `key-missing`, `corrupt`, and the faults of `readFault`. */
  async open(id: KeyFingerprint): Promise<CustomerKey> {
    const known = this.#opened.get(id);
    if (known !== undefined) return known;
    const opened = await this.tryOpen(id);
    if (opened.kind === 'failed') throw opened.fault;
    this.#opened.set(id, opened.key);
    return opened.key;
  }

  /**
   * Opens the sealed file with the gateway's identity or another one. Throws only if the gateway's identity
   * cannot be read.
   */
  async tryOpen(id: KeyFingerprint, other: AgeIdentity | null = null): Promise<OpenedKey> {
    const path = this.#files.path(sealedFileName(id));
    const failed = (kind: 'key-missing' | 'corrupt', text: string, cause?: unknown): OpenedKey => ({
      kind: 'failed',
      fault: new Fault(kind, `${path}: ${text}`, { cause }),
    });
    let sealed: Uint8Array | null;
    try {
      sealed = await this.#files.sealed(id);
    } catch (error) {
      return { kind: 'failed', fault: Fault.from(error) };
    }
    if (sealed === null)
      return failed(
        'corrupt',
        'the sealed key is missing, only its description exists; restore the file from a backup',
      );
    const identity = other ?? (await this.#identity.read());
    if (identity === null) return { kind: 'failed', fault: noIdentity(this.#identity.path, path) };
    const content = await unseal(sealed, identity);
    if (content.kind === 'damaged') {
      return failed('corrupt', 'the sealed key is damaged; restore the file from a backup', content.cause);
    }
    if (content.kind === 'not-ours') {
      return failed(
        'key-missing',
        `not sealed to ${identity.recipient}${other === null ? ` of ${this.#identity.path}: this keyring is another gateway's; put that gateway's identity there, or take the keyring over with a recovery identity` : ''}`,
      );
    }
    const { bytes } = content;
    try {
      if (bytes.byteLength !== customerKeyBytes)
        return failed('corrupt', `it holds ${bytes.byteLength} bytes, but a key has ${customerKeyBytes}`);
      const key = CustomerKey.fromBytes(bytes);
      if (key.fingerprint !== id)
        return failed(
          'corrupt',
          `it holds another key, ${key.fingerprint}; rename the file, or restore the right one`,
        );
      return { kind: 'opened', key };
    } finally {
      bytes.fill(0);
    }
  }

  /**
   * Seals the key to the present recipients. Writes the sealed file before the description, so that the
   * description never names a missing file.
   */
  async write(key: CustomerKey, record: KeyRecord): Promise<KeyRecord> {
    const recipients = await this.recipients();
    if (recipients === null) throw noIdentity(this.#identity.path, this.#files.directory);
    const sealed = await this.#seal(key, recipients);
    await this.#files.writeSealed(record.id, sealed);
    const written: KeyRecord = { ...record, sealedTo: recipients };
    await this.#files.writeRecord(written);
    this.#opened.set(key.fingerprint, key);
    return written;
  }

  async remove(id: KeyFingerprint): Promise<void> {
    this.#opened.delete(id);
    await this.#files.removeSealed(id);
  }

  /** Seals a key, and checks that it opens again before it replaces anything. */
  async #seal(key: CustomerKey, recipients: readonly string[]): Promise<Uint8Array> {
    const identity = await this.#identity.read();
    const raw = key.reveal();
    try {
      const sealed = await sealTo(recipients, raw);
      const again = identity === null ? null : await unseal(sealed, identity);
      const isRight = again?.kind === 'opened' && Buffer.from(again.bytes).equals(raw);
      if (again?.kind === 'opened') again.bytes.fill(0);
      if (!isRight) throw new Fault('bug', `the key ${key.fingerprint} could not be sealed`);
      return sealed;
    } finally {
      raw.fill(0);
    }
  }
}

/** Returns the fault for sealed files at `path` without the gateway's identity. */
export function noIdentity(identityPath: string, path: string): Fault {
  return new Fault(
    'key-missing',
    `${identityPath} is missing, and ${path} opens only with it; restore it from a backup, or take the keyring over with a recovery identity`,
  );
}

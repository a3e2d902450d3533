import type { Call } from '../model/call.js';
import { type CustomerKey, type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { noKey, type ObjectEncryption, type ReadAccess } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type { KeyState } from '../model/keyring.js';
import type { SealedWith } from '../model/ledger.js';
import { keyTagName, type ObjectInfo, type ObjectRef } from '../model/object-store.js';
import { openWithKeys } from '../vault/access.js';
import type { ObjectServices } from './services.js';

/** Encryption of an object, and the source of that information. */
export type KnownEncryption =
  | {
      readonly kind: 'sse-c';
      readonly keyId: KeyFingerprint;
      readonly label: string;
      /** Null if the key is neither available nor described in the keyring. */
      readonly keyState: KeyState | null;
      readonly source: 'ledger' | 'store' | 'tag';
    }
  /** Encrypted with a customer key that is not available. */
  | { readonly kind: 'sse-c-unknown-key' }
  | { readonly kind: 'sse-s3' | 'bucket-default' }
  | { readonly kind: 'sse-kms'; readonly keyArn: string | null }
  /** S3 reports no encryption. */
  | { readonly kind: 'none' }
  /** The lookup failed. */
  | { readonly kind: 'not-known'; readonly why: string };

/** Metadata of an object and its encryption. `info` is null if no key opens the object. */
export interface FoundEncryption {
  readonly info: ObjectInfo | null;
  readonly encryption: KnownEncryption;
}

/** Finds the encryption of objects: from the ledger's rows if they tell, else by a HEAD request. */
export class EncryptionLookup {
  readonly #services: ObjectServices;
  readonly #call: Call;
  /** Access that opened the last object. Objects listed next to each other usually have the same key. */
  #likely: ReadAccess = noKey;
  /** Reading tags needs its own permission. False after a refusal. */
  #mayReadTags = true;

  constructor(services: ObjectServices, call: Call) {
    this.#services = services;
    this.#call = call;
  }

  /** Returns the encryption recorded in a row of the ledger. */
  ofRow(sealedWith: SealedWith): Promise<KnownEncryption> {
    if (sealedWith.kind === 'sse-c') return this.#named(sealedWith.fingerprint, 'ledger');
    return Promise.resolve(sealedWith);
  }

  /**
   * Asks S3, first without a key, then with each available key. If none opens the object, its tag may name
   * the key. Returns null if there is no such object. Returns errors as `not-known` and throws only
   * `cancelled` and `bug`.
   */
  async at(ref: ObjectRef, versionId?: string): Promise<FoundEncryption | null> {
    try {
      return await this.#find(ref, versionId);
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind === 'cancelled' || fault.kind === 'bug') throw fault;
      return { info: null, encryption: { kind: 'not-known', why: fault.hint } };
    }
  }

  async #find(ref: ObjectRef, versionId: string | undefined): Promise<FoundEncryption | null> {
    const { store, keys } = this.#services;
    const likely = this.#likely;
    const head = (access: ReadAccess) => store.head(this.#call, ref, access, versionId);
    const found = await this.#opened(likely, head);
    if (found !== 'refused') return found;
    const all = await keys.keysFor(ref);
    const tagged = await this.#taggedKey(ref, versionId, all);
    for (const access of accessesAfter(likely, tagged.key, all)) {
      const answer = await this.#opened(access, head);
      if (answer !== 'refused') return answer;
    }
    const encryption: KnownEncryption =
      tagged.id === null ? { kind: 'sse-c-unknown-key' } : await this.#named(tagged.id, 'tag');
    return { info: null, encryption };
  }

  async #opened(
    access: ReadAccess,
    head: (access: ReadAccess) => Promise<ObjectInfo | null>,
  ): Promise<FoundEncryption | null | 'refused'> {
    try {
      const info = await head(access);
      if (info === null) return null;
      this.#likely = access;
      return { info, encryption: await this.ofAnswer(info.encryption, access) };
    } catch (error) {
      if (isFault(error, 'key-missing', 'key-mismatch')) return 'refused';
      throw error;
    }
  }

  /** Returns the encryption that S3 reported for a request with `access`. */
  async ofAnswer(encryption: ObjectEncryption, access: ReadAccess): Promise<KnownEncryption> {
    if (access.kind === 'sse-c') return this.#named(access.key.fingerprint, 'store');
    if (encryption.kind === 'sse-c') return { kind: 'sse-c-unknown-key' };
    return encryption.kind === 'unknown' ? { kind: 'none' } : encryption;
  }

  /**
   * Reads the key in the object's tag, if tags may be read. Anyone may have written the tag, so it counts
   * only once the key opens the object.
   */
  async #taggedKey(
    ref: ObjectRef,
    versionId: string | undefined,
    all: readonly CustomerKey[],
  ): Promise<{ readonly id: KeyFingerprint | null; readonly key: CustomerKey | null }> {
    if (!this.#mayReadTags) return { id: null, key: null };
    try {
      const tags = await this.#services.store.getTags(this.#call, ref, versionId);
      const text = tags?.[keyTagName];
      if (text === undefined) return { id: null, key: null };
      const id = parseKeyFingerprint(text);
      return { id, key: all.find((key) => key.fingerprint === id) ?? null };
    } catch (error) {
      if (isFault(error, 'denied', 'unsupported')) this.#mayReadTags = false;
      else if (!isFault(error, 'invalid', 'not-found')) throw error;
      return { id: null, key: null };
    }
  }

  async #named(id: KeyFingerprint, source: 'ledger' | 'store' | 'tag'): Promise<KnownEncryption> {
    const described = await this.#services.keys.describe(id);
    const { label, state } = described ?? { label: '', state: null };
    return { kind: 'sse-c', keyId: id, label, keyState: state, source };
  }
}

function accessesAfter(
  tried: ReadAccess,
  tagged: CustomerKey | null,
  all: readonly CustomerKey[],
): readonly ReadAccess[] {
  const keys = tagged === null ? all : [tagged, ...all.filter((key) => !key.equals(tagged))];
  const accesses: readonly ReadAccess[] = [noKey, ...keys.map((key): ReadAccess => ({ kind: 'sse-c', key }))];
  return accesses.filter(
    (access) =>
      access.kind !== tried.kind ||
      (access.kind === 'sse-c' && tried.kind === 'sse-c' && !access.key.equals(tried.key)),
  );
}

/**
 * Opens an object. Returns its metadata with the access that opened it and the ledger's rows; null if the
 * object does not exist. Throws as `Vault.describe` does.
 */
export async function openObject(services: ObjectServices, call: Call, ref: ObjectRef) {
  const keys = await services.keys.keysFor(ref);
  return openWithKeys(services.ledger, ref, keys, (access) => services.store.head(call, ref, access));
}

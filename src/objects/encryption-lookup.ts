import type { Call } from '../model/call.js';
import { type CustomerKey, type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { noKey, type ObjectEncryption, type ReadAccess } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type { KeyState } from '../model/keyring.js';
import type { SealedWith } from '../model/ledger.js';
import { keyTagName, type ObjectInfo, type ObjectRef } from '../model/object-store.js';
import { openWithKeys } from '../vault/access.js';
import type { ObjectServices } from './services.js';

/** What is known of the encryption that an object rests under, and from whom. */
export type KnownEncryption =
  | {
      readonly kind: 'sse-c';
      readonly keyId: KeyFingerprint;
      readonly label: string;
      /** Null for a key that is not at hand and of which nothing else is known. */
      readonly keyState: KeyState | null;
      readonly source: 'ledger' | 'store' | 'tag';
    }
  /** A customer's key, and none at hand is it. */
  | { readonly kind: 'sse-c-unknown-key' }
  | { readonly kind: 'sse-s3' | 'bucket-default' }
  | { readonly kind: 'sse-kms'; readonly keyArn: string | null }
  /** S3 does not say that it encrypts at all. */
  | { readonly kind: 'none' }
  /** It could not be found out. */
  | { readonly kind: 'not-known'; readonly why: string };

/** What S3 says of an object, and who opened it; without `info` when no key does. */
export interface FoundEncryption {
  readonly info: ObjectInfo | null;
  readonly encryption: KnownEncryption;
}

/** Finds out what objects rest under: from the ledger's rows where they tell, else by looking at the object. */
export class EncryptionLookup {
  readonly #services: ObjectServices;
  readonly #call: Call;
  /** What opened the last object: its neighbours mostly rest under the same. */
  #likely: ReadAccess = noKey;
  /** Tags need a permission of their own; without it they are not asked for again. */
  #mayReadTags = true;

  constructor(services: ObjectServices, call: Call) {
    this.#services = services;
    this.#call = call;
  }

  /** As the ledger says. */
  ofRow(sealedWith: SealedWith): Promise<KnownEncryption> {
    if (sealedWith.kind === 'sse-c') return this.#named(sealedWith.fingerprint, 'ledger');
    return Promise.resolve(sealedWith);
  }

  /**
   * As S3 says: without a key, then with each of those at hand. The object's tag names a key when none of them opens it. Null when there
   * is no such object. Trouble is an answer, not a throw, but for `cancelled`.
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

  /** As S3 answered to who opened it with `access`. */
  async ofAnswer(encryption: ObjectEncryption, access: ReadAccess): Promise<KnownEncryption> {
    if (access.kind === 'sse-c') return this.#named(access.key.fingerprint, 'store');
    if (encryption.kind === 'sse-c') return { kind: 'sse-c-unknown-key' };
    return encryption.kind === 'unknown' ? { kind: 'none' } : encryption;
  }

  /** What the object's tag says, where it may be read: anybody may have written it, so it is believed only when a key opens. */
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

/** An object with what opened it and what the ledger knows of it; null when there is none. Faults as `Vault.describe`. */
export async function openObject(services: ObjectServices, call: Call, ref: ObjectRef) {
  const keys = await services.keys.keysFor(ref);
  return openWithKeys(services.ledger, ref, keys, (access) => services.store.head(call, ref, access));
}

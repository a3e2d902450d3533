import type { Call } from '../model/call.js';
import { type CustomerKey, type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { noKey, type ObjectEncryption, type ReadAccess } from '../model/encryption.js';
import { isFault } from '../model/fault.js';
import type { KeyDescription } from '../model/keyring.js';
import type { SealedWith } from '../model/ledger.js';
import {
  keyTagName,
  type ObjectInfo,
  type ObjectRef,
  type ObjectStore,
  type ObjectTags,
} from '../model/object-store.js';
import type { ListedVersion } from '../model/object-versions.js';

/** Encryption keys of an audit. */
export interface AuditKeys {
  /** Returns null if the key is not available. */
  open(id: KeyFingerprint): Promise<CustomerKey | null>;
  list(): Promise<readonly Pick<KeyDescription, 'id' | 'state'>[]>;
}

/** Result of the search for a version's key. */
export type KeyFound =
  | {
      readonly kind: 'opened';
      readonly info: ObjectInfo;
      readonly sealedWith: SealedWith;
      readonly access: ReadAccess;
      /** True if the version's tag named the key. */
      readonly byTag: boolean;
    }
  /** The version was removed or replaced after the listing. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'no-key'; readonly tagged: KeyFingerprint | null; readonly tried: number };

/**
 * Finds the key that opens a version. Tries the key named by its tag, then no key, then every key of the
 * keyring, the likeliest first. Requests the newest version without its id, which needs fewer permissions.
 */
export class KeyFinder {
  readonly #store: ObjectStore & ObjectTags;
  readonly #keys: AuditKeys;
  readonly #opened = new Map<KeyFingerprint, Promise<CustomerKey | null>>();
  /** Keys that opened a version, in order of last use. */
  readonly #useful = new Set<KeyFingerprint>();
  /** Key that last opened a version below each first path segment, which often belongs to one user. */
  readonly #lastByPrefix = new Map<string, KeyFingerprint>();
  #all: Promise<readonly KeyFingerprint[]> | null = null;
  #mayReadTags = true;

  constructor(store: ObjectStore & ObjectTags, keys: AuditKeys) {
    this.#store = store;
    this.#keys = keys;
  }

  async find(call: Call, bucket: string, version: ListedVersion): Promise<KeyFound> {
    const ref = { bucket, key: version.key };
    const tagged = await this.#taggedKey(call, ref, version);
    if (tagged === 'gone') return { kind: 'gone' };
    if (tagged !== null) {
      const found = await this.#tryKey(call, ref, version, tagged, true);
      if (found !== null) return found;
    }
    const bare = await this.head(call, ref, version, noKey);
    if (bare === 'gone') return { kind: 'gone' };
    if (bare !== null) {
      const sealedWith = withoutKey(bare.encryption);
      return { kind: 'opened', info: bare, sealedWith, access: noKey, byTag: false };
    }
    let tried = 0;
    for (const id of await this.#likely(version.key)) {
      if (id === tagged) continue;
      tried += 1;
      const found = await this.#tryKey(call, ref, version, id, false);
      if (found !== null) return found;
    }
    return { kind: 'no-key', tagged, tried };
  }

  /** Requests the metadata with this access. Returns null if it does not open the version. */
  async head(
    call: Call,
    ref: ObjectRef,
    version: ListedVersion,
    access: ReadAccess,
  ): Promise<ObjectInfo | 'gone' | null> {
    try {
      const info = await this.#store.head(call, ref, access, versionIdOf(version));
      return info === null || info.etag !== version.etag ? 'gone' : info;
    } catch (error) {
      if (isFault(error, 'key-missing', 'key-mismatch')) return null;
      throw error;
    }
  }

  /** Returns the key itself; null if it is not available. */
  open(id: KeyFingerprint): Promise<CustomerKey | null> {
    const known = this.#opened.get(id);
    if (known !== undefined) return known;
    const opening = this.#keys.open(id);
    this.#opened.set(id, opening);
    return opening;
  }

  async #tryKey(
    call: Call,
    ref: ObjectRef,
    version: ListedVersion,
    id: KeyFingerprint,
    byTag: boolean,
  ): Promise<KeyFound | null> {
    const key = await this.open(id);
    if (key === null) return null;
    const access: ReadAccess = { kind: 'sse-c', key };
    const info = await this.head(call, ref, version, access);
    if (info === null) return null;
    if (info === 'gone') return { kind: 'gone' };
    this.#useful.delete(id);
    this.#useful.add(id);
    this.#lastByPrefix.set(firstSegment(ref.key), id);
    const sealedWith: SealedWith = { kind: 'sse-c', fingerprint: id, keyMd5Base64: key.md5Base64 };
    return { kind: 'opened', info, sealedWith, access, byTag };
  }

  async #taggedKey(
    call: Call,
    ref: ObjectRef,
    version: ListedVersion,
  ): Promise<KeyFingerprint | 'gone' | null> {
    if (!this.#mayReadTags) return null;
    try {
      const tags = await this.#store.getTags(call, ref, versionIdOf(version));
      if (tags === null) return 'gone';
      const text = tags[keyTagName];
      return text !== undefined && /^[0-9a-f]{32}$/.test(text) ? parseKeyFingerprint(text) : null;
    } catch (error) {
      if (!isFault(error, 'denied', 'unsupported')) throw error;
      this.#mayReadTags = false;
      call.log.warn('cannot read tags; trying all keys instead', { error });
      return null;
    }
  }

  async #likely(key: string): Promise<readonly KeyFingerprint[]> {
    this.#all ??= this.#keys
      .list()
      .then((keys) => keys.filter(({ state }) => state !== 'destroyed').map(({ id }) => id));
    const last = this.#lastByPrefix.get(firstSegment(key));
    const first = last === undefined ? [] : [last];
    return [...new Set([...first, ...[...this.#useful].reverse(), ...(await this.#all)])];
  }
}

function firstSegment(key: string): string {
  return key.slice(0, key.indexOf('/') + 1);
}

function versionIdOf(version: ListedVersion): string | undefined {
  return version.isLatest ? undefined : (version.versionId ?? undefined);
}

/**
 * Returns the encryption of a version that opened without a key. Counts an unreported encryption as the
 * bucket's default.
 */
function withoutKey(encryption: ObjectEncryption): SealedWith {
  if (encryption.kind === 'sse-s3') return { kind: 'sse-s3' };
  if (encryption.kind === 'sse-kms' && encryption.keyArn !== null) {
    return { kind: 'sse-kms', keyArn: encryption.keyArn };
  }
  return { kind: 'bucket-default' };
}

import type { Call } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import type { ReadAccess } from '../../model/encryption.js';
import { isFault } from '../../model/fault.js';
import { isSameEtag, keyTagName, type ObjectInfo, type ObjectRef } from '../../model/object-store.js';
import { openWithKeys } from '../access.js';
import type { UploadServices } from '../upload/upload-services.js';
import type { EditBase, ObjectReader, UploadTarget } from '../vault.js';
import type { ReplacedObject } from '../vault-services.js';
import type { OwnWrite } from './own-writes.js';

/** Services that edits of objects need. */
export interface BaseServices
  extends Pick<UploadServices, 'store' | 'ledger' | 'rekeyed' | 'ownWrites' | 'locks'> {
  openReader(call: Call, ref: ObjectRef, keys: readonly CustomerKey[]): Promise<ObjectReader | null>;
}

/** The object that is edited, as it is now. */
export interface FoundBase extends ReplacedObject {
  readonly access: ReadAccess;
  readonly versionId: string | null;
}

/**
 * The object that an edit changes. A rotation may re-encrypt it meanwhile, which keeps its content. `follow`
 * continues with an object that this process has stored for the same actor. Any other change is a conflict.
 */
export class BaseObject implements AsyncDisposable {
  readonly #services: BaseServices;
  readonly #ref: ObjectRef;
  readonly #actor: string;
  readonly #unwatch: () => void;
  #base: EditBase;
  /** The last own write that `follow` has seen. */
  #followed: OwnWrite | null = null;
  #reader: Promise<ObjectReader> | null = null;
  #wasRead = false;

  constructor(services: BaseServices, { ref, actor }: UploadTarget, base: EditBase) {
    this.#services = services;
    this.#ref = ref;
    this.#actor = actor;
    this.#base = base;
    this.#unwatch = services.rekeyed.watch(ref);
  }

  get etag(): string {
    return this.#base.etag;
  }

  /** True once bytes of the object were read. */
  get wasRead(): boolean {
    return this.#wasRead;
  }

  /** True if this process has stored an object for the same actor that may be another one than this. */
  get isBehind(): boolean {
    const own = this.#services.ownWrites.latest(this.#ref, this.#actor);
    return own !== null && own !== this.#followed && !isSameEtag(own.etag, this.#base.etag);
  }

  /** Returns `isBehind` once no write to the object is in progress. */
  async isOvertaken(): Promise<boolean> {
    return await this.#services.locks.runExclusive([this.#ref], async () => this.isBehind);
  }

  /**
   * Continues with the object that this process has stored for the same actor, if it is the one that is there.
   * Returns its size in bytes, or null if nothing has changed or another client has changed it.
   */
  async follow(call: Call): Promise<number | null> {
    const own = this.#services.ownWrites.latest(this.#ref, this.#actor);
    const opened = await this.#open(call);
    this.#followed = own;
    if (own === null || opened === null || this.#isSame(opened.value, opened.access)) return null;
    const { etag, size } = opened.value;
    if (!this.#isSame(opened.value, opened.access, own.etag)) return null;
    await this.#closeReader();
    this.#base = { ...this.#base, etag, size };
    return size;
  }

  /** Reads like `ObjectReader.read`. Throws the fault of `EditBase.replaced` if the object was replaced. */
  async read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    const reader = await this.#openReader(call);
    this.#wasRead = true;
    try {
      return await reader.read(call, offset, length);
    } catch (error) {
      throw isFault(error, 'conflict') ? this.#base.replaced() : error;
    }
  }

  async #openReader(call: Call): Promise<ObjectReader> {
    this.#reader ??= this.#openOnce(call);
    try {
      return await this.#reader;
    } catch (error) {
      // The next read tries again.
      this.#reader = null;
      throw error;
    }
  }

  async #openOnce(call: Call): Promise<ObjectReader> {
    const reader = await this.#services.openReader(call, this.#ref, await this.#base.keys(call));
    if (reader !== null && this.#isSame(reader.info, null)) return reader;
    await reader?.[Symbol.asyncDispose]();
    throw this.#base.replaced();
  }

  /**
   * Returns the object as it is now, with its tags. Throws the fault of `EditBase.replaced` if it is another
   * one or none.
   */
  async find(call: Call): Promise<FoundBase> {
    const { store } = this.#services;
    const { info, access } = await this.#head(call);
    const { etag, versionId, metadata, contentType } = info;
    const tagged = info.tagCount ?? 0;
    const all = tagged === 0 ? {} : await store.getTags(call, this.#ref, versionId ?? undefined);
    const { [keyTagName]: _, ...tags } = all ?? {};
    return { etag, versionId, metadata, contentType, tags, access };
  }

  /** Throws the fault of `EditBase.replaced` unless the object is still the one that `find` returned. */
  async requireSame(call: Call, found: FoundBase): Promise<void> {
    const { info } = await this.#head(call);
    if (!isSameEtag(info.etag, found.etag)) throw this.#base.replaced();
  }

  /** Returns `conflict` with the text of this edit. */
  get replaced(): Error {
    return this.#base.replaced();
  }

  async #head(call: Call): Promise<{ readonly info: ObjectInfo; readonly access: ReadAccess }> {
    const opened = await this.#open(call);
    if (opened === null || !this.#isSame(opened.value, opened.access)) throw this.#base.replaced();
    return { info: opened.value, access: opened.access };
  }

  async #open(call: Call) {
    const { store, ledger, locks } = this.#services;
    const keys = await this.#base.keys(call);
    // The lock waits for a write or a copy that is in progress.
    return await locks.runExclusive([this.#ref], () =>
      openWithKeys(ledger, this.#ref, keys, (access) => store.head(call, this.#ref, access)),
    );
  }

  /** Returns whether this is the object with the ETag `from`, maybe encrypted with another key since. */
  #isSame({ etag }: ObjectInfo, access: ReadAccess | null, from = this.#base.etag): boolean {
    let now = from;
    const seen = new Set<string>();
    while (!isSameEtag(etag, now)) {
      seen.add(now);
      const next = this.#services.rekeyed.after(this.#ref, {
        etag: now,
        access: access ?? { kind: 'no-key' },
      });
      if (next === null || seen.has(next.etag)) return false;
      now = next.etag;
    }
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unwatch();
    await this.#closeReader();
  }

  async #closeReader(): Promise<void> {
    const opening = this.#reader;
    this.#reader = null;
    const reader = await opening?.catch(() => null);
    await reader?.[Symbol.asyncDispose]();
  }
}

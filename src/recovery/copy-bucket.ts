import { checksumOf } from '../bytes/running-checksum.js';
import type { Call } from '../model/call.js';
import { noKey } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import { gatewayPrefix } from '../model/gateway-prefix.js';
import { listPages } from '../model/list-pages.js';
import type { ListedObject, ObjectStore } from '../model/object-store.js';
import { snapshotNumber } from './bucket-names.js';

export interface StoredCopy {
  readonly bytes: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
}

/** No file of a copy is longer; what claims to be is none. */
const maxBytes = 1024 ** 3;

/** What of a store a copy needs. */
export type BucketObjects = Pick<
  ObjectStore,
  'checksumAlgorithm' | 'head' | 'read' | 'put' | 'remove' | 'list'
>;

/** The objects below `.sftpgw/` of one bucket. Faults: those of the store. */
export class CopyBucket {
  readonly bucket: string;
  readonly #store: BucketObjects;

  constructor(store: BucketObjects, bucket: string) {
    this.#store = store;
    this.bucket = bucket;
  }

  async list(call: Call): Promise<readonly ListedObject[]> {
    const objects: ListedObject[] = [];
    const request = { bucket: this.bucket, prefix: gatewayPrefix, delimiter: null };
    for await (const page of listPages(this.#store, call, request)) objects.push(...page.objects);
    return objects;
  }

  /** Null when there is no such object. */
  async metadata(call: Call, key: string): Promise<Readonly<Record<string, string>> | null> {
    return (await this.#store.head(call, { bucket: this.bucket, key }, noKey))?.metadata ?? null;
  }

  /** The whole object; null when there is none. */
  async read(call: Call, key: string): Promise<StoredCopy | null> {
    const body = await this.#store.read(call, { bucket: this.bucket, key }, noKey, null);
    if (body === null) return null;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of body.bytes) {
      // The memory of a chunk may be used again for the next.
      chunks.push(Uint8Array.from(chunk));
      size += chunk.byteLength;
      if (size > maxBytes) throw new Fault('corrupt', `${key} is too long to be part of a copy`);
    }
    return { bytes: Buffer.concat(chunks), metadata: body.info.metadata };
  }

  async put(call: Call, key: string, bytes: Uint8Array): Promise<void> {
    await this.#put(call, key, bytes, {}, false);
  }

  /** False when there is one already, or another is on its way; it stays as it is. */
  async create(
    call: Call,
    key: string,
    bytes: Uint8Array,
    metadata: Readonly<Record<string, string>>,
  ): Promise<boolean> {
    try {
      await this.#put(call, key, bytes, metadata, true);
      return true;
    } catch (error) {
      if (isFault(error, 'exists', 'conflict')) return false;
      throw error;
    }
  }

  async remove(call: Call, key: string): Promise<void> {
    await this.#store.remove(call, { bucket: this.bucket, key });
  }

  async #put(
    call: Call,
    key: string,
    bytes: Uint8Array,
    metadata: Readonly<Record<string, string>>,
    onlyIfAbsent: boolean,
  ): Promise<void> {
    const checksum = checksumOf(this.#store.checksumAlgorithm, bytes);
    const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum };
    await this.#store.put(call, { bucket: this.bucket, key }, body, {
      // It is sealed already. A customer's key would be one of those that it is to save.
      encryption: { kind: 'bucket-default' },
      acl: null,
      metadata,
      contentType: 'application/octet-stream',
      onlyIfAbsent,
    });
  }
}

/** Null when none of them is a snapshot. */
export function newestSnapshot(listed: readonly ListedObject[]): number | null {
  const numbers = listed.map(({ key }) => snapshotNumber(key)).filter((number) => number !== null);
  return numbers.length === 0 ? null : numbers.reduce((a, b) => Math.max(a, b));
}

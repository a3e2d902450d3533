import { checksumOf } from '../bytes/running-checksum.js';
import type { Call } from '../model/call.js';
import { noKey } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import { gatewayPrefix } from '../model/gateway-objects.js';
import { listPages } from '../model/list-pages.js';
import type { ListedObject, ObjectStore } from '../model/object-store.js';
import { snapshotNumber } from './bucket-names.js';

/** An object of a copy. */
export interface StoredCopy {
  readonly bytes: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Maximum size of an object of a copy. */
const maxBytes = 1024 ** 3;

/** The operations of a store that a copy uses. */
export type BucketObjects = Pick<
  ObjectStore,
  'checksumAlgorithm' | 'head' | 'read' | 'put' | 'remove' | 'list'
>;

/** The objects below `.sftpgw/` in one bucket. All methods throw the faults of the store. */
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

  /** Returns the metadata of an object, or null if it does not exist. */
  async metadata(call: Call, key: string): Promise<Readonly<Record<string, string>> | null> {
    return (await this.#store.head(call, { bucket: this.bucket, key }, noKey))?.metadata ?? null;
  }

  /** Reads a whole object. Returns null if it does not exist. Throws `corrupt` if it is too large. */
  async read(call: Call, key: string): Promise<StoredCopy | null> {
    const body = await this.#store.read(call, { bucket: this.bucket, key }, noKey, null);
    if (body === null) return null;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of body.bytes) {
      // The store may reuse the memory of a chunk for the next one.
      chunks.push(Uint8Array.from(chunk));
      size += chunk.byteLength;
      if (size > maxBytes) throw new Fault('corrupt', `${key} is too large for an object of a copy`);
    }
    return { bytes: Buffer.concat(chunks), metadata: body.info.metadata };
  }

  async put(call: Call, key: string, bytes: Uint8Array): Promise<void> {
    await this.#put(call, key, bytes, {}, false);
  }

  /** Creates an object. Returns false if it already exists or another request is creating it. */
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
      // The content is already sealed. A customer key could be one of the keys in this copy.
      encryption: { kind: 'bucket-default' },
      acl: null,
      metadata,
      contentType: 'application/octet-stream',
      onlyIfAbsent,
    });
  }
}

/** Returns the highest number of the listed snapshots, or null if there are none. */
export function newestSnapshot(listed: readonly ListedObject[]): number | null {
  const numbers = listed.map(({ key }) => snapshotNumber(key)).filter((number) => number !== null);
  return numbers.length === 0 ? null : numbers.reduce((a, b) => Math.max(a, b));
}

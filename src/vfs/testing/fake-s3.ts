import type { Call } from '../../model/call.js';
import type { WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { ListedObject, ListPage, ListRequest } from '../../model/object-store.js';

/** An object of the fake bucket. */
export interface StoredObject {
  readonly bytes: Uint8Array;
  readonly encryption: WriteEncryption;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly mtimeSeconds: number | null;
}

/** One bucket in memory that lists like S3: in UTF-8 byte order, by prefix and delimiter, in pages. */
export class FakeS3 {
  readonly bucket = 'bucket';
  readonly objects = new Map<string, StoredObject>();
  /** Every list request received. */
  readonly listed: ListRequest[] = [];
  #etags = 0;

  put(
    key: string,
    bytes: Uint8Array | string = '',
    encryption: WriteEncryption = { kind: 'sse-s3' },
    mtimeSeconds: number | null = null,
  ): StoredObject {
    this.#etags += 1;
    const object: StoredObject = {
      bytes: Buffer.from(bytes),
      encryption,
      etag: `"${this.#etags}"`,
      lastModifiedMs: 1_700_000_000_123,
      mtimeSeconds,
    };
    this.objects.set(key, object);
    return object;
  }

  async list(_call: Call, request: ListRequest): Promise<ListPage> {
    if (request.bucket !== this.bucket) throw new Fault('not-found', `no bucket ${request.bucket}`);
    this.listed.push(request);
    const after = request.continuation ?? request.startAfter ?? '';
    const limit = Math.min(request.maxKeys ?? 1000, 1000);
    const objects: ListedObject[] = [];
    const prefixes: string[] = [];
    let last = '';
    for (const key of [...this.objects.keys()].sort(byBytes)) {
      if (!key.startsWith(request.prefix)) continue;
      const end = request.delimiter === null ? -1 : key.indexOf(request.delimiter, request.prefix.length);
      const item = end === -1 ? key : key.slice(0, end + 1);
      if (item === last || (after !== '' && byBytes(item, after) <= 0)) continue;
      if (objects.length + prefixes.length === limit) return { objects, prefixes, continuation: last };
      last = item;
      const object = this.objects.get(key);
      if (end !== -1) prefixes.push(item);
      else if (object !== undefined) objects.push({ key, size: object.bytes.byteLength, ...object });
    }
    return { objects, prefixes, continuation: null };
  }
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

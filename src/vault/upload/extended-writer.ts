import type { Call } from '../../model/call.js';
import type { Checksum } from '../../model/checksum.js';
import { Fault } from '../../model/fault.js';
import { isSameEtag, type ObjectInfo, type WrittenObject } from '../../model/object-store.js';
import type { ParkedUpload } from '../../model/parked-uploads.js';
import { type Opened, openWithKeys } from '../access.js';
import type { Extension, FileWriter, UploadTarget } from '../vault.js';
import { s3PartLimits } from './part-schedule.js';
import type { UploadServices, WriterOptions } from './upload-services.js';
import type { PartUploadWriter } from './upload-writer.js';

/** Max size in bytes of an object without a known checksum: it is read and sent again. */
const readAgainBytes = 64 * 1024 * 1024;

/**
 * Opens an upload that begins with the content of the object at its target. S3 copies it as the first part.
 * An object that is too small for a first part is read and sent again. See `Vault.openUpload`.
 */
export async function openExtended(
  services: UploadServices,
  call: Call,
  { ref }: UploadTarget,
  { keys, etag }: Extension,
  open: (options: WriterOptions) => PartUploadWriter,
): Promise<FileWriter> {
  const found = await openWithKeys(services.ledger, ref, keys, (access) =>
    services.store.head(call, ref, access),
  );
  if (found === null || !isSameEtag(found.value.etag, etag))
    throw new Fault('conflict', 'another client has written or deleted it meanwhile');
  const { size } = found.value;
  const checksum = knownChecksum(services, found);
  if (size < s3PartLimits.minBytes || (checksum === null && size <= readAgainBytes))
    return await sendAgain(services, call, found, open({}), ref);
  if (checksum === null || size > s3PartLimits.maxBytes)
    throw new Fault(
      'unsupported',
      `cannot extend a file of ${size} bytes ${checksum === null ? 'without a known checksum' : 'that S3 cannot copy as one part'}: upload it again from the start`,
    );
  const writer = open({ head: { ref, access: found.access, etag, size, checksum } });
  try {
    await writer.copyHead();
  } catch (error) {
    await writer[Symbol.asyncDispose]();
    throw error;
  }
  return new ExtendedWriter(writer, size);
}

/** Returns the object's checksum, or null if it is unknown or has another algorithm than the store's. */
function knownChecksum(
  { store }: UploadServices,
  { value, candidates }: Opened<ObjectInfo>,
): Checksum | null {
  const row = candidates.find(({ confirmation }) => isSameEtag(confirmation?.etag, value.etag));
  const known = [row?.confirmation?.checksum, value.checksum];
  return known.find((checksum) => checksum?.algorithm === store.checksumAlgorithm) ?? null;
}

async function sendAgain(
  { store }: UploadServices,
  call: Call,
  { access, value }: Opened<ObjectInfo>,
  writer: PartUploadWriter,
  ref: UploadTarget['ref'],
): Promise<FileWriter> {
  try {
    const body = value.size === 0 ? null : await store.read(call, ref, access, null, { ifMatch: value.etag });
    let at = 0;
    for await (const bytes of body?.bytes ?? []) {
      await writer.write(at, [bytes]);
      at += bytes.byteLength;
    }
    if (at !== value.size) throw new Fault('conflict', 'it was deleted meanwhile');
    return writer;
  } catch (error) {
    await writer[Symbol.asyncDispose]();
    throw error;
  }
}

/** A writer whose bytes follow those of an object that is its first part. */
class ExtendedWriter implements FileWriter {
  readonly #behind: PartUploadWriter;
  readonly #headBytes: number;

  constructor(behind: PartUploadWriter, headBytes: number) {
    this.#behind = behind;
    this.#headBytes = headBytes;
  }

  get size(): number {
    return this.#headBytes + this.#behind.size;
  }

  async write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#behind.write(this.#offsetBehind(offset), chunks);
  }

  async truncate(size: number): Promise<void> {
    await this.#behind.truncate(this.#offsetBehind(size));
  }

  setMtime(mtimeSeconds: number): void {
    this.#behind.setMtime(mtimeSeconds);
  }

  commit(call: Call): Promise<WrittenObject> {
    return this.#behind.commit(call);
  }

  adopt(call: Call): void {
    this.#behind.adopt(call);
  }

  hold(): Promise<ParkedUpload> {
    return this.#behind.hold();
  }

  park(): Promise<ParkedUpload | null> {
    return this.#behind.park();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#behind[Symbol.asyncDispose]();
  }

  #offsetBehind(offset: number): number {
    if (offset >= this.#headBytes) return offset - this.#headBytes;
    throw new Fault(
      'unsupported',
      `cannot change the first ${this.#headBytes} bytes of a file that is being extended: upload it again from the start`,
    );
  }
}

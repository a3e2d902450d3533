import type { Call, Clock, Entropy } from '../model/call.js';
import { compareChecksums } from '../model/checksum.js';
import type { ReadAccess } from '../model/encryption.js';
import { accessFor } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type {
  ObjectAcls,
  ObjectRef,
  ObjectStore,
  ObjectTags,
  ObjectVersions,
  PartReceipt,
  PartSource,
  PartUpload,
  ReplayableBody,
  UploadSweeper,
  WholeObject,
  WriteOptions,
  WrittenObject,
} from '../model/object-store.js';

/** How long transient faults are borne. */
export interface RetryLimits {
  /** The first one included. */
  readonly maxAttempts: number;
  /** From the first attempt on; an attempt under way is not cut off. */
  readonly maxTotalMs: number;
  /** The longest wait before the second attempt; it doubles from attempt to attempt. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

export const defaultRetryLimits: RetryLimits = {
  maxAttempts: 6,
  maxTotalMs: 90_000,
  firstDelayMs: 100,
  maxDelayMs: 10_000,
};

export interface RetryOptions {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly retry?: Partial<RetryLimits>;
}

/**
 * The same store, with transient faults retried: the only layer that does. A body that breaks while it is read is its
 * reader's to resume. Waits end with the call's signal; the last fault comes out as it is.
 */
export function withRetries(
  store: ObjectStore & UploadSweeper & ObjectVersions & ObjectTags & ObjectAcls,
  options: RetryOptions,
): ObjectStore & UploadSweeper & ObjectVersions & ObjectTags & ObjectAcls {
  const retries = new Retries(options);
  return {
    checksumAlgorithm: store.checksumAlgorithm,
    head: (call, ref, access, versionId) =>
      retries.run(call, 'head', () => store.head(call, ref, access, versionId)),
    read: (call, ref, access, range, condition) =>
      retries.run(call, 'read', () => store.read(call, ref, access, range, condition)),
    put: (call, ref, body, wanted) => retriedPut(retries, store, call, ref, body, wanted),
    beginUpload: async (call, ref, wanted) =>
      retriedUpload(
        retries,
        await retries.run(call, 'beginUpload', () => store.beginUpload(call, ref, wanted)),
      ),
    resumeUpload: (call, ref, wanted, uploadId) =>
      retriedUpload(retries, store.resumeUpload(call, ref, wanted, uploadId)),
    copy: (call, from, to, wanted) => retries.run(call, 'copy', () => store.copy(call, from, to, wanted)),
    remove: (call, ref, condition) => retries.run(call, 'remove', () => store.remove(call, ref, condition)),
    list: (call, request) => retries.run(call, 'list', () => store.list(call, request)),
    listUploads: (call, bucket, prefix) =>
      retries.run(call, 'listUploads', () => store.listUploads(call, bucket, prefix)),
    abortUpload: (call, ref, uploadId) =>
      retries.run(call, 'abortUpload', () => store.abortUpload(call, ref, uploadId)),
    listVersions: (call, request) =>
      retries.run(call, 'listVersions', () => store.listVersions(call, request)),
    getTags: (call, ref, versionId) =>
      retries.run(call, 'getTags', () => store.getTags(call, ref, versionId)),
    getAcl: (call, ref) => retries.run(call, 'getAcl', () => store.getAcl(call, ref)),
    putTags: (call, ref, tags, versionId) =>
      retries.run(call, 'putTags', () => store.putTags(call, ref, tags, versionId)),
  };
}

/** Runs something until it succeeds, fails for good, or the limits are reached. */
export class Retries {
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  readonly #limits: RetryLimits;

  constructor(options: RetryOptions) {
    this.#clock = options.clock;
    this.#entropy = options.entropy;
    this.#limits = { ...defaultRetryLimits, ...options.retry };
  }

  /** `attempt` learns its number, from 1 on. */
  async run<T>(call: Call, what: string, attempt: (number: number) => Promise<T>): Promise<T> {
    const startedMs = this.#clock.monotonicMs();
    for (let number = 1; ; number += 1) {
      if (call.signal.aborted) throw new Fault('cancelled', 'the request was cancelled');
      try {
        return await attempt(number);
      } catch (error) {
        if (!(error instanceof Fault) || !error.isTransient || call.signal.aborted) throw error;
        const delayMs = this.#delayMs(number);
        const elapsedMs = this.#clock.monotonicMs() - startedMs;
        if (number >= this.#limits.maxAttempts || elapsedMs + delayMs > this.#limits.maxTotalMs) throw error;
        call.log.warn('S3 request failed; trying again', { what, attempt: number, delayMs, error });
        await this.#clock.sleep(delayMs, call.signal);
      }
    }
  }

  /** "Full jitter": clients that failed together do not come back together. */
  #delayMs(number: number): number {
    const most = Math.min(this.#limits.maxDelayMs, this.#limits.firstDelayMs * 2 ** (number - 1));
    const random = Buffer.from(this.#entropy.bytes(4)).readUInt32BE(0) / 2 ** 32;
    return Math.ceil(most * (0.25 + 0.75 * random));
  }
}

/**
 * A put that must not overwrite may find its own first attempt, whose answer was lost: then the object that is there has
 * these bytes.
 */
async function retriedPut(
  retries: Retries,
  store: ObjectStore,
  call: Call,
  ref: ObjectRef,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<WrittenObject> {
  let attempts = 0;
  try {
    return await retries.run(call, 'put', (number) => {
      attempts = number;
      return store.put(call, ref, body, options);
    });
  } catch (error) {
    if (attempts === 1 || !options.onlyIfAbsent || !isFault(error, 'exists')) throw error;
    const own = await foundOwn(store, call, ref, body, accessFor(options.encryption));
    if (own === null) throw error;
    return own;
  }
}

async function foundOwn(
  store: ObjectStore,
  call: Call,
  ref: ObjectRef,
  body: ReplayableBody,
  access: ReadAccess,
): Promise<WrittenObject | null> {
  const info = await store.head(call, ref, access).catch(() => null);
  if (info === null || info.size !== body.byteLength) return null;
  if (compareChecksums(info.checksum, body.checksum) !== 'same') return null;
  return { etag: info.etag, versionId: info.versionId, checksum: info.checksum };
}

function retriedUpload(retries: Retries, upload: PartUpload): PartUpload {
  return {
    uploadId: upload.uploadId,
    uploadPart: (call: Call, partNumber: number, body: ReplayableBody) =>
      retries.run(call, 'uploadPart', () => upload.uploadPart(call, partNumber, body)),
    copyPart: (call: Call, partNumber: number, source: PartSource) =>
      retries.run(call, 'copyPart', () => upload.copyPart(call, partNumber, source)),
    complete: (call: Call, parts: readonly PartReceipt[], whole: WholeObject) =>
      retries.run(call, 'complete', () => upload.complete(call, parts, whole)),
    park: () => upload.park(),
    [Symbol.asyncDispose]: () => upload[Symbol.asyncDispose](),
  };
}

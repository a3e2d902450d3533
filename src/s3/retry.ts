import type { Call, Clock, Entropy } from '../model/call.js';
import { compareChecksums } from '../model/checksum.js';
import type { ReadAccess } from '../model/encryption.js';
import { accessFor } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import { type Measures, noMeasures } from '../model/measures.js';
import type {
  CompletedPart,
  ObjectAcls,
  ObjectRef,
  ObjectStore,
  ObjectTags,
  PartRange,
  PartSource,
  PartUpload,
  ReplayableBody,
  UploadSweeper,
  WholeObject,
  WriteOptions,
  WrittenObject,
} from '../model/object-store.js';
import type { ObjectVersions } from '../model/object-versions.js';
import { S3Error } from './errors/s3-error.js';

/** How long a request with transient faults is retried. */
export interface RetryLimits {
  /** From the first attempt on. No attempt begins later; one in progress is not interrupted. */
  readonly maxTotalMs: number;
  /** The maximum wait before the second attempt; it doubles with each attempt. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Including the first one. Unlimited by default: only checks that must end soon count attempts. */
  readonly maxAttempts: number;
}

export const defaultRetryLimits: RetryLimits = {
  maxTotalMs: 90_000,
  firstDelayMs: 100,
  maxDelayMs: 10_000,
  maxAttempts: Number.POSITIVE_INFINITY,
};

/** Attempts of a request whose bytes were damaged on the way to S3: damage that repeats has another cause. */
const maxDamagedAttempts = 4;

/** Counts attempts and retries. */
export type S3Measures = Pick<Measures, 's3Attempt' | 's3Retry'>;

export interface RetryOptions {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly retry?: Partial<RetryLimits>;
  /** Counts attempts. Nothing by default. */
  readonly measures?: S3Measures;
}

/**
 * Wraps a store so that transient faults are retried. No other layer retries. A body that breaks while it is
 * read is resumed by its reader. Waits end with the call's signal. Throws the last fault unchanged.
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
      retriedUpload(retries, await retriedBegin(retries, store, call, ref, wanted)),
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

/** Runs an attempt until it succeeds, fails permanently, or the limits are reached. */
export class Retries {
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  readonly #limits: RetryLimits;
  readonly #measures: S3Measures;

  constructor(options: RetryOptions) {
    this.#clock = options.clock;
    this.#entropy = options.entropy;
    this.#limits = { ...defaultRetryLimits, ...options.retry };
    this.#measures = options.measures ?? noMeasures;
  }

  /**
   * Passes `attempt` its number, from 1. Throws `cancelled` when the call's signal aborts between attempts.
   */
  async run<T>(call: Call, what: string, attempt: (number: number) => Promise<T>): Promise<T> {
    const startedMs = this.#clock.monotonicMs();
    for (let number = 1; ; number += 1) {
      if (call.signal.aborted) throw new Fault('cancelled', 'the request was cancelled');
      try {
        return await this.#measured(operationOf(what), () => attempt(number));
      } catch (error) {
        if (!(error instanceof Fault) || call.signal.aborted || number >= this.#maxAttempts(error))
          throw error;
        const leftMs = startedMs + this.#limits.maxTotalMs - this.#clock.monotonicMs();
        const requestedMs = requestedDelayMs(error);
        if (leftMs <= 0 || requestedMs > leftMs) throw error;
        // The last attempt is made at the end of the time.
        const delayMs = Math.min(leftMs, Math.max(this.#delayMs(number), requestedMs));
        const fields = { what, attempt: number, delayMs, error };
        if (isPowerOfTwo(number)) call.log.warn('S3 request failed; trying again', fields);
        else call.log.debug('S3 request failed; trying again', fields);
        await this.#clock.sleep(delayMs, call.signal);
        this.#measures.s3Retry(operationOf(what));
      }
    }
  }

  async #measured<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const startedMs = this.#clock.monotonicMs();
    let result = 'ok';
    try {
      return await attempt();
    } catch (error) {
      result = Fault.from(error).kind;
      throw error;
    } finally {
      this.#measures.s3Attempt(what, result, (this.#clock.monotonicMs() - startedMs) / 1000);
    }
  }

  #maxAttempts(fault: Fault): number {
    const { maxAttempts } = this.#limits;
    if (fault.isTransient) return maxAttempts;
    const isDamage = fault.cause instanceof S3Error && fault.cause.isDamage;
    return isDamage ? Math.min(maxDamagedAttempts, maxAttempts) : 1;
  }

  /**
   * Returns a random wait up to a maximum that doubles ("full jitter"), so that requests that failed together
   * are not retried together.
   */
  #delayMs(number: number): number {
    const maxMs = Math.min(this.#limits.maxDelayMs, this.#limits.firstDelayMs * 2 ** (number - 1));
    const random = Buffer.from(this.#entropy.bytes(4)).readUInt32BE(0) / 2 ** 32;
    return Math.max(1, Math.ceil(maxMs * random));
  }
}

/** Returns the part before a colon: the steps of a check are one operation. */
function operationOf(what: string): string {
  const colon = what.indexOf(':');
  return colon === -1 ? what : what.slice(0, colon);
}

/** True for 1, 2, 4, 8 and so on: an outage logs each operation a few times, not twenty. */
function isPowerOfTwo(number: number): boolean {
  return Number.isInteger(Math.log2(number));
}

/** Returns how long S3 asks to wait in its answer (Retry-After), in milliseconds. */
function requestedDelayMs({ cause }: Fault): number {
  return cause instanceof S3Error ? cause.retryAfterMs : 0;
}

/**
 * Puts an object. A retried put with a condition may find the object of its own first attempt, whose answer
 * was lost; that object has the same bytes.
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
    const isConditional = options.onlyIfAbsent === true || options.onlyIfMatches !== undefined;
    if (attempts === 1 || !isConditional || !isFault(error, 'exists', 'conflict')) throw error;
    const access = accessFor(options.encryption);
    const own = await retries
      .run(call, 'head', () => foundOwn(store, call, ref, body, access))
      .catch((headError: unknown) => {
        throw Fault.from(headError).isTransient ? headError : error;
      });
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
  const info = await store.head(call, ref, access);
  if (info === null || info.size !== body.byteLength) return null;
  if (compareChecksums(info.checksum, body.checksum) !== 'same') return null;
  return { etag: info.etag, versionId: info.versionId, checksum: info.checksum };
}

/**
 * Begins an upload. A failed attempt may have begun one, so that a call cancelled after it throws that
 * attempt's fault.
 */
async function retriedBegin(
  retries: Retries,
  store: ObjectStore,
  call: Call,
  ref: ObjectRef,
  wanted: WriteOptions,
): Promise<PartUpload> {
  let failed: unknown = null;
  try {
    return await retries.run(call, 'beginUpload', async () => {
      try {
        return await store.beginUpload(call, ref, wanted);
      } catch (error) {
        failed = isFault(error, 'cancelled') ? failed : error;
        throw error;
      }
    });
  } catch (error) {
    throw isFault(error, 'cancelled') && failed !== null ? failed : error;
  }
}

function retriedUpload(retries: Retries, upload: PartUpload): PartUpload {
  return {
    uploadId: upload.uploadId,
    uploadPart: (call: Call, partNumber: number, body: ReplayableBody) =>
      retries.run(call, 'uploadPart', () => upload.uploadPart(call, partNumber, body)),
    copyPart: (call: Call, partNumber: number, source: PartSource) =>
      retries.run(call, 'copyPart', () => upload.copyPart(call, partNumber, source)),
    copyRange: (call: Call, partNumber: number, source: PartRange) =>
      retries.run(call, 'copyRange', () => upload.copyRange(call, partNumber, source)),
    complete: (call: Call, parts: readonly CompletedPart[], whole: WholeObject) =>
      retries.run(call, 'complete', () => upload.complete(call, parts, whole)),
    park: () => upload.park(),
    abort: (call: Call) => retries.run(call, 'abort', () => upload.abort(call)),
    [Symbol.asyncDispose]: () => upload[Symbol.asyncDispose](),
  };
}

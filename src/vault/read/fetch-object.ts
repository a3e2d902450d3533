import { Crc64Nvme, combineCrc64Nvme, crc64NvmeBase64 } from '@sftpgw/checksums';
import { combineSums } from '../../bytes/joined-checksum.js';
import { sumFunction } from '../../bytes/running-checksum.js';
import type { Call, Clock } from '../../model/call.js';
import { type Checksum, type ChecksumAlgorithm, compareChecksums } from '../../model/checksum.js';
import type { CustomerKey } from '../../model/customer-key.js';
import type { ReadAccess } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import type { KeyLedger } from '../../model/ledger.js';
import type { ObjectBody, ObjectInfo, ObjectRef, ObjectStore } from '../../model/object-store.js';
import { openWithKeys } from '../access.js';
import type { VaultLimits } from '../limits.js';
import { mtimeOfMetadata } from '../mtime.js';
import { ResumeTime } from './resume-time.js';

/** Receives the bytes of an object that is fetched whole. */
export interface FetchSink {
  /** Called once, before the first byte. A fault ends the fetch. */
  begin(info: ObjectInfo): Promise<void>;
  /**
   * Receives bytes at their position in the object, in any order. Calls overlap. The bytes are retained for
   * the sink until it releases them (bytes/buffer-pool.ts).
   */
  write(position: number, bytes: Uint8Array): Promise<void>;
}

/** An object to fetch, its possible keys, and how to split it into ranges. */
export interface FetchRequest {
  readonly ref: ObjectRef;
  /** The likely access, tried before anything is looked up. */
  readonly likely: ReadAccess;
  /** The keys to try if the likely access fails. */
  readonly keys: readonly CustomerKey[];
  /**
   * Size in bytes from a listing. Up to `rangeBytes` the object is one request, beyond that ranges in
   * parallel.
   */
  readonly expectedSize: number;
  readonly rangeBytes: number;
  readonly parallelRanges: number;
  /**
   * Called before a further range is fetched in parallel. Returns a function that releases the slot, or null
   * if the range has to wait.
   */
  readonly spare?: () => (() => void) | null;
  /** Checksum algorithm if S3 keeps no checksum; defaults to the store's. */
  readonly algorithm?: ChecksumAlgorithm;
}

/** An object that was fetched whole, with the access that opened it. */
export interface FetchedObject {
  readonly info: ObjectInfo;
  /** File time in seconds since the epoch, from the metadata, else from S3. */
  readonly mtimeSeconds: number;
  readonly access: ReadAccess;
  /** Checksum of all bytes, in the algorithm that S3 keeps if it is one of ours. */
  readonly checksum: Checksum;
}

/** Services that a fetch needs. */
export interface ObjectFetchServices {
  readonly store: ObjectStore;
  readonly ledger: KeyLedger;
  readonly clock: Clock;
  readonly limits: Pick<VaultLimits, 'resumeTimeMs'>;
}

/**
 * Fetches one version of an object whole. Returns null if there is no object. Throws `conflict` if it is
 * replaced meanwhile, `corrupt` if the bytes do not match S3's checksum, and `key-missing` or `key-mismatch`
 * if no key opens it.
 */
export async function fetchObject(
  services: ObjectFetchServices,
  call: Call,
  request: FetchRequest,
  sink: FetchSink,
): Promise<FetchedObject | null> {
  const { ref, expectedSize, rangeBytes } = request;
  const isLarge = expectedSize > rangeBytes;
  const opened = await openLikely(services.ledger, request, (access) =>
    openFirst(services.store, call, ref, access, isLarge ? rangeBytes : null),
  );
  if (opened === null) return null;
  const { body, access } = opened;
  const { info } = body;
  await sink.begin(info);
  const kept = isLarge ? await checksumsOf(services.store, call, ref, access, info) : info;
  const algorithm = kept.checksum?.algorithm ?? request.algorithm ?? services.store.checksumAlgorithm;
  const pieces = new Pieces(services, call, { ref, access, info, kept, algorithm }, sink);
  const whole = isLarge ? await pieces.all(body, request) : await pieces.one(0, info.size, body);
  const checksum = { algorithm, value: whole.sum };
  const isOther32 = compareChecksums(kept.checksum, checksum) === 'different';
  const isOther64 = whole.crc64 !== null && crc64NvmeBase64(whole.crc64) !== kept.crc64Nvme;
  if (isOther32 || isOther64) {
    throw new Fault('corrupt', `the bytes of ${ref.key} do not match the checksum in S3`);
  }
  const mtimeSeconds = mtimeOfMetadata(info) ?? info.lastModifiedMs / 1000;
  return { info, mtimeSeconds, access, checksum };
}

/** Returns S3's checksums of the whole object, which the response to a range does not contain. */
async function checksumsOf(
  store: ObjectStore,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  info: ObjectInfo,
): Promise<KeptChecksums> {
  const whole = await store.head(call, ref, access);
  // If the version differs, the ranges will fail with `conflict`.
  return whole?.etag === info.etag ? whole : { checksum: null };
}

type KeptChecksums = Pick<ObjectInfo, 'checksum' | 'crc64Nvme'>;

interface Sums {
  readonly sum: number;
  /** Null if it is not needed, because it costs several times more. */
  readonly crc64: bigint | null;
}

/** Tries the likely access first, then those from the ledger and the keys. */
async function openLikely(
  ledger: KeyLedger,
  { ref, likely, keys }: FetchRequest,
  attempt: (access: ReadAccess) => Promise<ObjectBody | null>,
): Promise<{ readonly body: ObjectBody; readonly access: ReadAccess } | null> {
  let refusal: Fault;
  try {
    const body = await attempt(likely);
    return body === null ? null : { body, access: likely };
  } catch (error) {
    if (!isFault(error, 'key-missing', 'key-mismatch')) throw error;
    refusal = error;
  }
  const opened = await openWithKeys(ledger, ref, keys, (access) => {
    if (isSameAccess(access, likely)) throw refusal;
    return attempt(access);
  });
  return opened === null ? null : { body: opened.value, access: opened.access };
}

function isSameAccess(one: ReadAccess, other: ReadAccess): boolean {
  if (one.kind === 'no-key' || other.kind === 'no-key') return one.kind === other.kind;
  return one.key.equals(other.key);
}

async function openFirst(
  store: ObjectStore,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  firstBytes: number | null,
): Promise<ObjectBody | null> {
  if (firstBytes === null) return store.read(call, ref, access, null);
  try {
    return await store.read(call, ref, access, { start: 0, end: firstBytes });
  } catch (error) {
    // The object is empty by now, and S3 answers 416 InvalidRange to any range of an empty object.
    if (!isFault(error, 'invalid')) throw error;
    return store.read(call, ref, access, null);
  }
}

function nothing(): void {}

interface OpenObject {
  readonly ref: ObjectRef;
  readonly access: ReadAccess;
  readonly info: ObjectInfo;
  readonly kept: KeptChecksums;
  /** Algorithm of the computed checksums. */
  readonly algorithm: ChecksumAlgorithm;
}

function combined(algorithm: ChecksumAlgorithm, first: Sums, second: Sums, secondLength: number): Sums {
  return {
    sum: combineSums(algorithm, first.sum, second.sum, secondLength),
    crc64:
      first.crc64 === null || second.crc64 === null
        ? null
        : combineCrc64Nvme(first.crc64, second.crc64, secondLength),
  };
}

/** Fetches pieces of one version of an object into a sink. */
class Pieces {
  readonly #services: ObjectFetchServices;
  readonly #call: Call;
  readonly #object: OpenObject;
  readonly #sink: FetchSink;

  constructor(services: ObjectFetchServices, call: Call, object: OpenObject, sink: FetchSink) {
    this.#services = services;
    this.#call = call;
    this.#object = object;
    this.#sink = sink;
  }

  /** Fetches the object in ranges, in parallel as far as `spare` permits. The first range has begun. */
  async all(
    first: ObjectBody,
    { rangeBytes, parallelRanges, spare = () => nothing }: FetchRequest,
  ): Promise<Sums> {
    const { info, algorithm } = this.#object;
    const { size } = info;
    const count = Math.max(1, Math.ceil(size / rangeBytes));
    const sums: Sums[] = new Array(count);
    const end = (index: number) => Math.min(size, (index + 1) * rangeBytes);
    const workers: Promise<void>[] = [];
    let next = 0;
    let running = 0;
    const failed = new AbortController();
    const start = (giveBack: () => void): void => {
      running += 1;
      const ended = work().finally(() => {
        running -= 1;
        giveBack();
      });
      ended.catch(() => failed.abort());
      workers.push(ended);
    };
    const work = async (): Promise<void> => {
      while (next < count && !failed.signal.aborted) {
        const index = next++;
        // More slots may be free since the last range: at the end of a queue they go to the objects that are
        // still fetched.
        while (running < parallelRanges && next < count) {
          const giveBack = spare();
          if (giveBack === null) break;
          start(giveBack);
        }
        sums[index] = await this.one(index * rangeBytes, end(index), index === 0 ? first : null);
      }
    };
    start(nothing);
    // A worker that has ended starts no other, so this loop reaches all of them.
    for (let index = 0; index < workers.length; index += 1) await Promise.allSettled([workers[index]]);
    await Promise.all(workers);
    return sums.reduce((whole, sum, index) =>
      combined(algorithm, whole, sum, end(index) - index * rangeBytes),
    );
  }

  /** Fetches one range and resumes it where its body is interrupted. */
  async one(start: number, end: number, begun: ObjectBody | null): Promise<Sums> {
    const { clock, limits } = this.#services;
    let position = start;
    let sum = 0;
    const { kept, algorithm } = this.#object;
    const add = sumFunction(algorithm);
    const sum64 = kept.checksum === null && kept.crc64Nvme !== undefined ? new Crc64Nvme() : null;
    let body = begun;
    const time = new ResumeTime(clock, limits.resumeTimeMs);
    for (;;) {
      const before = position;
      try {
        if (body === null && position < end) body = await this.#open(position, end);
        for await (const bytes of body?.bytes ?? []) {
          if (position + bytes.byteLength > end) throw this.#tooMuch();
          sum = add(bytes, sum);
          sum64?.update(bytes);
          const at = position;
          position += bytes.byteLength;
          await this.#sink.write(at, bytes);
        }
        if (position === end) return { sum, crc64: sum64?.value ?? null };
        throw new Fault('unavailable', `S3 ended the body of ${this.#object.ref.key} too early`);
      } catch (error) {
        if (position > before) time.gained();
        const mayRetry = isFault(error) && error.isTransient && time.isLeft;
        if (!mayRetry || this.#call.signal.aborted) throw error;
      }
      body = null;
      await time.pause(this.#call.signal);
    }
  }

  #tooMuch(): Fault {
    return new Fault('corrupt', `S3 sent more bytes of ${this.#object.ref.key} than requested`);
  }

  async #open(start: number, end: number): Promise<ObjectBody> {
    const { ref, access, info } = this.#object;
    const condition = { ifMatch: info.etag };
    const body = await this.#services.store.read(this.#call, ref, access, { start, end }, condition);
    if (body === null) throw new Fault('conflict', `the object ${ref.key} was removed while it was read`);
    return body;
  }
}

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
import { mtimeOfMetadata } from '../mtime.js';

/** Takes the bytes of an object that is fetched whole. */
export interface FetchSink {
  /** Once, before the first byte. What it throws ends the fetch. */
  begin(info: ObjectInfo): Promise<void>;
  /** Bytes at their position in the object, held for the sink until it releases them (bytes/lent-bytes.ts). In any order, calls overlap. */
  write(position: number, bytes: Uint8Array): Promise<void>;
}

export interface FetchRequest {
  readonly ref: ObjectRef;
  /** What opens it, very likely: it is tried before anything is looked up. */
  readonly likely: ReadAccess;
  /** The keys that may open it else. */
  readonly keys: readonly CustomerKey[];
  /** What a listing said: up to `rangeBytes` it is one request, beyond that ranges side by side. */
  readonly expectedSize: number;
  readonly rangeBytes: number;
  readonly parallelRanges: number;
  /** Asked before a further range is fetched beside the others: how to give its place back, or null when it should wait its turn. */
  readonly spare?: () => (() => void) | null;
  /** Of the checksum that is computed where S3 keeps none to compare it with; the store's own when it is not said. */
  readonly algorithm?: ChecksumAlgorithm;
}

export interface FetchedObject {
  readonly info: ObjectInfo;
  /** The time of its metadata, else S3's own, in seconds. */
  readonly mtimeSeconds: number;
  readonly access: ReadAccess;
  /** Of all its bytes; of the algorithm that S3 keeps of it, if that is one of ours. */
  readonly checksum: Checksum;
}

export interface FetchServices {
  readonly store: ObjectStore;
  readonly ledger: KeyLedger;
  readonly clock: Clock;
}

/** A body that breaks is taken up where it broke: so often without a byte gained in between. */
const attemptsWithoutGain = 4;
const firstPauseMs = 100;

/**
 * Fetches one version of an object whole. Null when there is none. Throws `conflict` when it becomes another one meanwhile,
 * `corrupt` when the bytes are not those that S3 keeps the checksum of, `key-missing` or `key-mismatch` when nothing opens it.
 */
export async function fetchObject(
  services: FetchServices,
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
    throw new Fault('corrupt', `the bytes of ${ref.key} do not have the checksum that S3 keeps of it`);
  }
  const mtimeSeconds = mtimeOfMetadata(info) ?? info.lastModifiedMs / 1000;
  return { info, mtimeSeconds, access, checksum };
}

/** What S3 keeps of the whole object: the answer to a range does not tell. */
async function checksumsOf(
  store: ObjectStore,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  info: ObjectInfo,
): Promise<KeptChecksums> {
  const whole = await store.head(call, ref, access);
  // Another version already: the ranges will find out.
  return whole?.etag === info.etag ? whole : { checksum: null };
}

type KeptChecksums = Pick<ObjectInfo, 'checksum' | 'crc64Nvme'>;

interface Sums {
  readonly sum: number;
  /** Null when nobody needs it: it costs several times what the other does. */
  readonly crc64: bigint | null;
}

/** Tries the likely access without looking anything up, then what the ledger and the keys have. */
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
    // It is empty by now, and no range begins within it: 416 InvalidRange.
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
  /** Of the sums that are computed. */
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

/** Brings pieces of one version of an object to a sink. */
class Pieces {
  readonly #services: FetchServices;
  readonly #call: Call;
  readonly #object: OpenObject;
  readonly #sink: FetchSink;

  constructor(services: FetchServices, call: Call, object: OpenObject, sink: FetchSink) {
    this.#services = services;
    this.#call = call;
    this.#object = object;
    this.#sink = sink;
  }

  /** All of it in ranges, the first of which has begun; side by side as far as there is room for that. */
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
        // Room may have come up since the last range: the end of a long queue leaves it to those that are still running.
        while (running < parallelRanges && next < count) {
          const giveBack = spare();
          if (giveBack === null) break;
          start(giveBack);
        }
        sums[index] = await this.one(index * rangeBytes, end(index), index === 0 ? first : null);
      }
    };
    start(nothing);
    // One that has ended starts no more: this finds all of them.
    for (let index = 0; index < workers.length; index += 1) await Promise.allSettled([workers[index]]);
    await Promise.all(workers);
    return sums.reduce((whole, sum, index) =>
      combined(algorithm, whole, sum, end(index) - index * rangeBytes),
    );
  }

  /** One range, taken up again where its body breaks. */
  async one(start: number, end: number, begun: ObjectBody | null): Promise<Sums> {
    const { clock } = this.#services;
    let position = start;
    let sum = 0;
    const { kept, algorithm } = this.#object;
    const add = sumFunction(algorithm);
    const sum64 = kept.checksum === null && kept.crc64Nvme !== undefined ? new Crc64Nvme() : null;
    let body = begun;
    for (let inVain = 0; ; ) {
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
        throw new Fault('unavailable', `S3 ended the object ${this.#object.ref.key} before its end`);
      } catch (error) {
        inVain = position > before ? 0 : inVain + 1;
        const mayGoOn = isFault(error) && error.isTransient && inVain < attemptsWithoutGain;
        if (!mayGoOn || this.#call.signal.aborted) throw error;
      }
      body = null;
      await clock.sleep(firstPauseMs * 2 ** inVain, this.#call.signal);
    }
  }

  #tooMuch(): Fault {
    return new Fault('corrupt', `S3 sent more of ${this.#object.ref.key} than was asked for`);
  }

  async #open(start: number, end: number): Promise<ObjectBody> {
    const { ref, access, info } = this.#object;
    const condition = { ifMatch: info.etag };
    const body = await this.#services.store.read(this.#call, ref, access, { start, end }, condition);
    if (body === null) throw new Fault('conflict', `the object ${ref.key} was removed while it was read`);
    return body;
  }
}

import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { checksumOf } from '../../src/bytes/running-checksum.js';
import type { Call, Logger } from '../../src/model/call.js';
import type { ChecksumAlgorithm } from '../../src/model/checksum.js';
import { CustomerKey } from '../../src/model/customer-key.js';
import type { ReadAccess, WriteEncryption } from '../../src/model/encryption.js';
import { Fault, type FaultKind } from '../../src/model/fault.js';
import type {
  ByteRange,
  ObjectRef,
  ObjectStore,
  ObjectTags,
  ObjectVersions,
  ReadCondition,
  ReplayableBody,
  UploadSweeper,
  WriteOptions,
} from '../../src/model/object-store.js';

type ConformingStore = ObjectStore & UploadSweeper & ObjectVersions & ObjectTags;

/** A store to try, and a fresh bucket in it. */
export interface StoreTarget {
  readonly store: ConformingStore;
  readonly bucket: string;
  /** A bucket with versioning. */
  readonly versioned: { readonly store: ConformingStore; readonly bucket: string };
  /** What to name as KMS key; null where there is no KMS. */
  readonly kmsKey: string | null;
  /** The smallest part that may be followed by another: 5 MiB in S3. */
  readonly partBytes: number;
  close(): Promise<void>;
}

/** What every group of the suite is given: the target is there once the tests run. */
export type Given = () => StoreTarget;

const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

export function newCall(signal: AbortSignal = new AbortController().signal): Call {
  return { id: 'conformance', signal, log: silent };
}

export function newKey(): CustomerKey {
  return CustomerKey.fromBytes(randomBytes(32));
}

export function sseC(key: CustomerKey): WriteEncryption & ReadAccess {
  return { kind: 'sse-c', key };
}

let names = 0;

/** A key that no other test uses. */
export function newRef(target: StoreTarget, name = 'object'): ObjectRef {
  names += 1;
  return { bucket: target.bucket, key: `${names}/${name}` };
}

let algorithm: ChecksumAlgorithm = 'crc32c';

/** From here on bodies bear the checksums that this store takes. */
export function makeBodiesFor(store: Pick<ObjectStore, 'checksumAlgorithm'>): void {
  algorithm = store.checksumAlgorithm;
}

export function bodyOf(...chunks: readonly (string | Uint8Array)[]): ReplayableBody & { whole: Buffer } {
  const buffers = chunks.map((chunk) => Buffer.from(chunk));
  const whole = Buffer.concat(buffers);
  return { chunks: buffers, byteLength: whole.byteLength, checksum: checksumOf(algorithm, whole), whole };
}

export function writeOptions(encryption: WriteEncryption, more: Partial<WriteOptions> = {}): WriteOptions {
  return { encryption, acl: null, metadata: {}, contentType: null, ...more };
}

/** The bytes of an object or a range; null when there is no such object. */
export async function readAll(
  target: { readonly store: Pick<ObjectStore, 'read'> },
  ref: ObjectRef,
  access: ReadAccess,
  range: ByteRange | null = null,
  condition: ReadCondition = {},
): Promise<Buffer | null> {
  const body = await target.store.read(newCall(), ref, access, range, condition);
  if (body === null) return null;
  const pieces: Buffer[] = [];
  for await (const piece of body.bytes) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/** Expects the promise to end with a fault of one of these kinds, and gives it. */
export async function faultOf(promise: Promise<unknown>, ...kinds: readonly FaultKind[]): Promise<Fault> {
  const thrown: unknown = await promise.then(
    (value) => new Error(`no fault, but ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (!(thrown instanceof Fault)) throw thrown;
  expect(kinds, thrown.message).toContain(thrown.kind);
  return thrown;
}

/** Compares bytes at once; `toEqual` looks at each of a million. */
export function expectBytes(actual: Uint8Array | null, expected: string | Uint8Array): void {
  const [found, wanted] = [actual === null ? null : Buffer.from(actual), Buffer.from(expected)];
  if (found?.equals(wanted)) return;
  if (found === null || found.byteLength !== wanted.byteLength || wanted.byteLength > 1000) {
    expect(`${found?.byteLength ?? 'no'} bytes`).toBe(`exactly those ${wanted.byteLength} bytes`);
  }
  expect(found?.toString('latin1')).toBe(wanted.toString('latin1'));
}

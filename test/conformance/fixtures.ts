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
  ReadCondition,
  ReplayableBody,
  UploadSweeper,
  WriteOptions,
} from '../../src/model/object-store.js';
import type { ObjectVersions } from '../../src/model/object-versions.js';

type ConformingStore = ObjectStore & UploadSweeper & ObjectVersions & ObjectTags;

/** A store to test, and a new bucket in it. */
export interface StoreTarget {
  readonly store: ConformingStore;
  readonly bucket: string;
  /** A bucket with versioning. */
  readonly versioned: { readonly store: ConformingStore; readonly bucket: string };
  /** KMS key to use, or null if there is no KMS. */
  readonly kmsKey: string | null;
  /** Min size in bytes of a part that others follow: 5 MiB in S3. */
  readonly partBytes: number;
  /** The objects whose ranges the server does not copy into parts; none by default. */
  readonly rangesRefused?: 'all' | 'encrypted' | undefined;
  close(): Promise<void>;
}

/** Returns the target of the suite, which exists once the tests run. */
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

/** Returns an object with a key that no other test uses. */
export function newRef(target: StoreTarget, name = 'object'): ObjectRef {
  names += 1;
  return { bucket: target.bucket, key: `${names}/${name}` };
}

let algorithm: ChecksumAlgorithm = 'crc32c';

/** From here on bodies have the checksums that this store accepts. */
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

/** Returns the bytes of an object or a range, or null if there is no such object. */
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

/** Expects the promise to reject with a fault of one of these kinds, and returns the fault. */
export async function faultOf(promise: Promise<unknown>, ...kinds: readonly FaultKind[]): Promise<Fault> {
  const thrown: unknown = await promise.then(
    (value) => new Error(`no fault, but ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (!(thrown instanceof Fault)) throw thrown;
  expect(kinds, thrown.message).toContain(thrown.kind);
  return thrown;
}

/** Compares all bytes in one step; `toEqual` would compare them one by one. */
export function expectBytes(actual: Uint8Array | null, expected: string | Uint8Array): void {
  const [found, wanted] = [actual === null ? null : Buffer.from(actual), Buffer.from(expected)];
  if (found?.equals(wanted)) return;
  if (found === null || found.byteLength !== wanted.byteLength || wanted.byteLength > 1000) {
    expect(`${found?.byteLength ?? 'no'} bytes`).toBe(`exactly those ${wanted.byteLength} bytes`);
  }
  expect(found?.toString('latin1')).toBe(wanted.toString('latin1'));
}

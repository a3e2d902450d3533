import { checksumOf } from '../bytes/running-checksum.js';
import type { AuditHead, AuditProblem, AuditReader, HeadSigner, StoredHead } from '../model/audit.js';
import type { RetainedObjects } from '../model/bucket.js';
import type { Call } from '../model/call.js';
import { noKey } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import { gatewayPrefix } from '../model/gateway-objects.js';
import { listPages } from '../model/list-pages.js';
import type { ObjectRef, ObjectStore } from '../model/object-store.js';

/** Prefix of the heads in the default bucket. */
export const headsPrefix = `${gatewayPrefix}audit/`;
const maxHeadBytes = 64 * 1024;
const format = 'sftpgw audit head 1';

export interface BucketHeadsOptions {
  readonly store: Pick<ObjectStore, 'checksumAlgorithm' | 'put' | 'read' | 'list'>;
  readonly retained: RetainedObjects;
  readonly signer: HeadSigner;
  readonly bucket: string;
  readonly node: string;
}

/** The heads of the chain in the bucket: one object a day. They show that the database was rewritten. */
export class BucketHeads {
  readonly #options: BucketHeadsOptions;

  constructor(options: BucketHeadsOptions) {
    this.#options = options;
  }

  /**
   * Stores the head of a day, unless the bucket has it already. In a bucket with Object Lock it cannot be
   * removed for `retainMs`. Returns false if there was one.
   */
  async write(call: Call, head: AuditHead, nowMs: number, retainMs: number): Promise<boolean> {
    const { bucket, node, retained } = this.#options;
    const ref = { bucket, key: headKey(nowMs, node) };
    const bytes = await this.#encode({ ...head, timeMs: nowMs, node });
    try {
      if (await retained.hasObjectLock(call, bucket)) {
        await retained.putRetained(call, ref, bytes, nowMs + retainMs);
      } else await this.#put(call, ref, bytes);
      return true;
    } catch (error) {
      if (isFault(error, 'exists', 'conflict')) return false;
      throw error;
    }
  }

  /** Compares the heads with the trail, the oldest first. Returns their number and the first problem. */
  async verify(
    call: Call,
    reader: Pick<AuditReader, 'hashOf'>,
    firstSeq: number | null,
  ): Promise<{ readonly heads: number; readonly problem: AuditProblem | null }> {
    const { bucket } = this.#options;
    let heads = 0;
    let isSigned = false;
    for await (const page of listPages(this.#options.store, call, {
      bucket,
      prefix: headsPrefix,
      delimiter: null,
    })) {
      for (const { key } of page.objects) {
        const ref = { bucket, key };
        const head = await this.#read(call, ref);
        heads += 1;
        // Only the first heads of a gateway may be older than its identity, and so not signed.
        const problem =
          head === null || (isSigned && head.signature === undefined)
            ? notSigned(ref)
            : await problemOf(ref, head, reader, firstSeq);
        if (problem !== null) return { heads, problem };
        isSigned ||= head?.signature !== undefined;
      }
    }
    return { heads, problem: null };
  }

  async #encode(head: StoredHead): Promise<Uint8Array> {
    const signed = signedBytes(head);
    const signature = await this.#options.signer.sign(signed);
    return Buffer.from(`${JSON.stringify({ format, ...head, ...signature }, null, 2)}\n`);
  }

  async #put(call: Call, ref: ObjectRef, bytes: Uint8Array): Promise<void> {
    const { store } = this.#options;
    const checksum = checksumOf(store.checksumAlgorithm, bytes);
    await store.put(
      call,
      ref,
      { chunks: [bytes], byteLength: bytes.byteLength, checksum },
      {
        // A head has no secret. It must stay readable if all keys are lost.
        encryption: { kind: 'bucket-default' },
        acl: null,
        metadata: {},
        contentType: 'application/json',
        onlyIfAbsent: true,
      },
    );
  }

  /** Returns null for an object that is not a head of this gateway. */
  async #read(call: Call, ref: ObjectRef): Promise<ParsedHead | null> {
    const body = await this.#options.store.read(call, ref, noKey, null);
    if (body === null) throw new Fault('conflict', `${ref.key} was removed during the verification`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body.bytes) {
      bytes += chunk.byteLength;
      if (bytes > maxHeadBytes) return null;
      chunks.push(Uint8Array.from(chunk));
    }
    const head = parseHead(Buffer.concat(chunks).toString());
    if (head === null) return null;
    const { publicKey, signature } = head;
    if (publicKey === undefined || signature === undefined) return head;
    const isOwn = await this.#options.signer.isOwn(signedBytes(head), { publicKey, signature });
    return isOwn ? head : null;
  }
}

function notSigned(ref: ObjectRef): AuditProblem {
  const text = `${nameOf(ref)} is not a head that this gateway has signed`;
  return { kind: 'rewritten', seq: 0, text };
}

async function problemOf(
  ref: ObjectRef,
  { seq, hash, timeMs }: StoredHead,
  reader: Pick<AuditReader, 'hashOf'>,
  firstSeq: number | null,
): Promise<AuditProblem | null> {
  // Rows before the first one were pruned by age.
  if (seq === 0 || (firstSeq !== null && seq < firstSeq)) return null;
  const found = await reader.hashOf(seq);
  if (found === hash) return null;
  const why = found === null ? 'the trail does not have this row' : 'its hash in the trail is another one';
  const text = `${nameOf(ref)} has the row ${seq} of ${new Date(timeMs).toISOString()}, but ${why}`;
  return { kind: 'rewritten', seq, text };
}

function nameOf({ bucket, key }: ObjectRef): string {
  return `s3://${bucket}/${key}`;
}

interface ParsedHead extends StoredHead {
  readonly publicKey?: string;
  readonly signature?: string;
}

function headKey(nowMs: number, node: string): string {
  return `${headsPrefix}HEAD-${new Date(nowMs).toISOString().slice(0, 10)}-${node}.json`;
}

function signedBytes({ seq, hash, timeMs, node }: StoredHead): Uint8Array {
  return Buffer.from(JSON.stringify([format, seq, hash, timeMs, node]));
}

function parseHead(text: string): ParsedHead | null {
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return null;
  }
  const { seq, hash, timeMs, node, publicKey, signature } = fields;
  if (fields['format'] !== format || typeof seq !== 'number' || typeof hash !== 'string') return null;
  if (typeof timeMs !== 'number' || typeof node !== 'string') return null;
  const isSigned = typeof publicKey === 'string' && typeof signature === 'string';
  return { seq, hash, timeMs, node, ...(isSigned ? { publicKey, signature } : {}) };
}

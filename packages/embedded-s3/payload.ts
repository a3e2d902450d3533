import { createHash } from 'node:crypto';
import { decodeBase64 } from './base64.js';
import type { ChecksumAlgorithm } from './checksums/algorithms.js';
import { createChecksum } from './checksums/checksum.js';
import { declaredChecksum, verifyDeclared } from './checksums/declared.js';
import {
  badDigest,
  entityTooLarge,
  incompleteBody,
  invalidDigest,
  messageTooLong,
  missingContentLength,
} from './errors.js';
import type { S3Request } from './http/request.js';
import { BodyTooLarge, type Tap, type WrittenBody } from './storage/body-writer.js';
import type { Store } from './storage/store.js';

/**
 * Max size of an object or part in one request: 5 GiB.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
export const maxPutBytes = 5 * 1024 ** 3;

/**
 * Max size of an XML document from a client: DeleteObjects and CompleteMultipartUpload come close
 * to 1 MiB.
 */
const maxDocumentBytes = 2 * 1024 ** 2;

export interface ReceivedBody extends WrittenBody {
  /** Lower-case hex; null unless it was requested. */
  readonly md5: string | null;
  /** The computed value of every requested algorithm. */
  checksum(algorithm: ChecksumAlgorithm): string;
}

/**
 * The hashes of one payload: those to store, and those that the client declared, which are compared
 * at the end.
 */
class PayloadHashes {
  readonly taps: Tap[] = [];
  readonly #md5;
  readonly #declaredMd5: string | null;
  readonly #declared;
  readonly #checksums = new Map<ChecksumAlgorithm, ReturnType<typeof createChecksum>>();
  readonly #values = new Map<ChecksumAlgorithm, string>();
  #md5Hex: string | null = null;

  constructor(
    request: S3Request,
    keep: readonly ChecksumAlgorithm[],
    needsMd5: boolean,
    declares: 'body' | 'object' = 'body',
  ) {
    this.#declared = declares === 'object' ? null : declaredChecksum(request.headers);
    this.#declaredMd5 = declaredMd5(request.headers['content-md5']);
    for (const algorithm of new Set([
      ...keep,
      ...(this.#declared === null ? [] : [this.#declared.algorithm]),
    ])) {
      const checksum = createChecksum(algorithm);
      this.#checksums.set(algorithm, checksum);
      this.taps.push(checksum);
    }
    this.#md5 = needsMd5 || this.#declaredMd5 !== null ? createHash('md5') : null;
    if (this.#md5 !== null) this.taps.push(this.#md5);
  }

  /** Ends the hashes and compares them. Throws BadDigest, and the errors of a wrong trailer. */
  finish(request: S3Request): void {
    for (const [algorithm, checksum] of this.#checksums) this.#values.set(algorithm, checksum.digestBase64());
    if (this.#md5 !== null) this.#md5Hex = this.#md5.digest('hex');
    if (this.#declaredMd5 !== null && this.#declaredMd5 !== this.#md5Hex) throw badDigest();
    if (this.#declared !== null) {
      verifyDeclared(this.#declared, this.checksum(this.#declared.algorithm), request.trailers());
    }
  }

  get md5(): string | null {
    return this.#md5Hex;
  }

  checksum(algorithm: ChecksumAlgorithm): string {
    const value = this.#values.get(algorithm);
    if (value === undefined) throw new Error(`no ${algorithm} was computed`);
    return value;
  }
}

function declaredMd5(header: string | undefined): string | null {
  if (header === undefined) return null;
  const bytes = decodeBase64(header);
  if (bytes?.byteLength !== 16) throw invalidDigest({ 'Content-MD5': header });
  return bytes.toString('hex');
}

/**
 * Receives the bytes of an object or part into a sealed body, durably, and verifies everything that
 * the client declared. Leaves nothing if it throws. The body then needs a row, or `store.discard`.
 */
export async function receiveBody(
  store: Store,
  request: S3Request,
  options: {
    readonly customerKey: Uint8Array | null;
    readonly keep: readonly ChecksumAlgorithm[];
    readonly needsMd5: boolean;
  },
): Promise<ReceivedBody> {
  const expected = request.contentLength;
  if (expected === null) throw missingContentLength();
  if (expected > maxPutBytes) throw tooLarge(expected);
  const hashes = new PayloadHashes(request, options.keep, options.needsMd5);
  let body: WrittenBody;
  try {
    body = await store.writeBody(request.body, {
      customerKey: options.customerKey,
      maxBytes: expected,
      taps: hashes.taps,
    });
  } catch (error) {
    throw error instanceof BodyTooLarge ? incompleteBody() : error;
  }
  try {
    if (body.size !== expected) throw incompleteBody();
    hashes.finish(request);
  } catch (error) {
    store.discard([body.bodyId]);
    throw error;
  }
  return { ...body, md5: hashes.md5, checksum: (algorithm) => hashes.checksum(algorithm) };
}

/**
 * Receives a small document completely, and verifies it. Throws MaxMessageLengthExceeded.
 * `declares` is the subject of the request's checksum headers: those of CompleteMultipartUpload are
 * about the object, not about the document.
 */
export async function receiveDocument(
  request: S3Request,
  declares: 'body' | 'object' = 'body',
): Promise<Uint8Array> {
  if ((request.contentLength ?? 0) > maxDocumentBytes) throw documentTooLong();
  const hashes = new PayloadHashes(request, [], false, declares);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > maxDocumentBytes) throw documentTooLong();
    for (const tap of hashes.taps) tap.update(chunk);
    chunks.push(chunk);
  }
  hashes.finish(request);
  return Buffer.concat(chunks);
}

const documentTooLong = () => messageTooLong({ MaxMessageLengthBytes: String(maxDocumentBytes) });

export const tooLarge = (size: number) =>
  entityTooLarge({ ProposedSize: String(size), MaxSizeAllowed: String(maxPutBytes) });

import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import { type Checksum, type ChecksumAlgorithm, compareChecksums } from '../model/checksum.js';
import { accessFor } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import {
  isSameEtag,
  type ObjectInfo,
  type ObjectRef,
  type ObjectTagSet,
  type PartReceipt,
  type PartSource,
  type PartUpload,
  type ReplayableBody,
  type WholeObject,
  type WriteOptions,
  type WrittenObject,
} from '../model/object-store.js';
import { algorithmInput, checksumInput, partChecksum, wholeChecksum } from './checksum-headers.js';
import { request, type S3Context } from './context.js';
import { copyPartOnce } from './copy/copy-part.js';
import { copySourceOf } from './copy/copy-source.js';
import { checkPartEcho, checkWriteEcho, partInput, writeInput } from './encryption-headers.js';
import type { Attempt } from './errors/translate.js';
import { streamed } from './http/streamed-body.js';
import { abortUpload } from './listing.js';
import { multipartEtag } from './multipart-etag.js';
import { checkMetadata, versionOf } from './object-info.js';
import {
  checkChecksum,
  conditionInput,
  describeTarget,
  nothingThere,
  writePermission,
} from './object-writes.js';
import { headObject } from './reads.js';
import { keyTags, taggingInput, tagPermission } from './tags.js';

/** How long a disposed upload may take to be aborted, its call being over. */
const abortTimeoutMs = 30_000;

/** A Complete that ends so may have worked all the same; a retried one finds no upload, or its own object. */
const leavesDoubt = ['unavailable', 'timed-out', 'throttled', 'not-found', 'exists', 'conflict'] as const;

/** What the object must turn out to be. */
interface Whole {
  readonly size: number;
  /** Null when it is not known: parts that the server copied. */
  readonly checksum: Checksum | null;
}

/** A part as Complete names it; copied parts come without a checksum when the server keeps none. */
export interface CompletedPartEntry {
  readonly partNumber: number;
  readonly etag: string;
  readonly checksum: Checksum | null;
}

/** What an upload has from the object that it copies: its description, and all tags of the object to come. */
export interface CopiedDescription {
  readonly description?: Partial<CreateMultipartUploadCommandInput>;
  readonly tags?: ObjectTagSet;
  /** That of the checksum which the object is to have; the store's own when it is not said. */
  readonly algorithm?: ChecksumAlgorithm;
}

/** How long a begin may take. */
const beginTimeoutMs = 120_000;

/**
 * CreateMultipartUpload, with one checksum asked for over the whole object. A call that is cancelled meanwhile is answered with
 * `cancelled` only when S3 has answered and the upload is aborted: else it would stay there, and nobody would know its id.
 */
export async function beginUpload(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  options: WriteOptions,
  copied: CopiedDescription = {},
): Promise<S3PartUpload> {
  checkMetadata(ref, options.metadata);
  const tags = copied.tags ?? keyTags(context, options.encryption);
  const algorithm = copied.algorithm ?? context.checksumAlgorithm;
  const command = new CreateMultipartUploadCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...describeTarget(options),
    ...copied.description,
    ...writeInput(options.encryption),
    ...taggingInput(tags),
    ...(context.checksums === 'none'
      ? {}
      : { ChecksumAlgorithm: algorithmInput[algorithm], ChecksumType: 'FULL_OBJECT' as const }),
  });
  const attempt: Attempt = {
    operation: 'CreateMultipartUpload',
    ...ref,
    permission: writePermission('s3:PutObject', options) + tagPermission(tags),
  };
  const subject = { does: 'write', ref, encryption: options.encryption } as const;
  if (call.signal.aborted) throw new Fault('cancelled', 'the request was cancelled');
  const begun: Call = { ...call, signal: AbortSignal.timeout(beginTimeoutMs) };
  const answer = await request(
    context,
    begun,
    (sent) => context.client.send(command, sent),
    attempt,
    subject,
  );
  if (!answer?.UploadId) throw new Fault('unavailable', `S3 began no upload of "${ref.key}"`);
  const upload = new S3PartUpload(context, call, ref, options, answer.UploadId, algorithm);
  try {
    checkWriteEcho(ref, options.encryption, answer);
    if (call.signal.aborted) throw new Fault('cancelled', 'the request was cancelled');
  } catch (error) {
    await upload[Symbol.asyncDispose]();
    throw error;
  }
  return upload;
}

/** One multipart upload at S3. */
export class S3PartUpload implements PartUpload {
  readonly uploadId: string;
  /** Of the checksums that its parts bear. */
  readonly algorithm: ChecksumAlgorithm;
  readonly #context: S3Context;
  readonly #begun: Call;
  readonly #ref: ObjectRef;
  readonly #options: WriteOptions;
  /** Parts of which the server keeps no checksum. */
  readonly #unsummed = new Set<number>();
  #kept = false;

  constructor(
    context: S3Context,
    begun: Call,
    ref: ObjectRef,
    options: WriteOptions,
    uploadId: string,
    algorithm: ChecksumAlgorithm,
  ) {
    this.algorithm = algorithm;
    this.#context = context;
    this.#begun = begun;
    this.#ref = ref;
    this.#options = options;
    this.uploadId = uploadId;
  }

  async uploadPart(call: Call, partNumber: number, body: ReplayableBody): Promise<PartReceipt> {
    const command = new UploadPartCommand({
      ...this.#part(partNumber),
      ...partInput(this.#options.encryption),
      ...streamed(body, this.#context.checksums),
    });
    const answer = await this.#request(call, 'UploadPart', (sent) =>
      this.#context.client.send(command, sent),
    );
    checkPartEcho(this.#ref, this.#options.encryption, answer);
    checkChecksum(this.#ref, body.checksum, partChecksum(answer));
    return { partNumber, etag: answer.ETag ?? '', size: body.byteLength, checksum: body.checksum };
  }

  async copyPart(call: Call, partNumber: number, source: PartSource): Promise<PartReceipt | null> {
    const { ref, access, etag, size, checksum } = source;
    const permission = `s3:PutObject, and s3:GetObject on "${ref.key}" in bucket "${ref.bucket}"`;
    const copied = await copyPartOnce(this.#context, call, {
      to: this.#ref,
      uploadId: this.uploadId,
      partNumber,
      source: copySourceOf(ref),
      sourceEtag: etag,
      access,
      encryption: this.#options.encryption,
      attempt: { operation: 'UploadPartCopy', ...this.#ref, permission },
    });
    // Ceph RGW 20 looks at no condition here: whether it was that content is told by what is there afterwards.
    const after = copied && (await headObject(this.#context, call, ref, access, undefined));
    if (copied === null || after === null) return null;
    if (!isSameEtag(after.etag, etag))
      throw new Fault('conflict', `"${ref.key}" has become another object while it was copied`);
    checkChecksum(this.#ref, checksum, copied.checksum);
    // Named in Complete, a checksum that the server has not kept would be refused.
    if (copied.checksum === null) this.#unsummed.add(partNumber);
    return { partNumber, etag: copied.etag, size, checksum };
  }

  /** What names a part of this upload. */
  #part(partNumber: number): { Bucket: string; Key: string; UploadId: string; PartNumber: number } {
    if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > 10_000) {
      throw new Fault('invalid', `an upload has the parts 1 to 10,000, not ${partNumber}`);
    }
    return { Bucket: this.#ref.bucket, Key: this.#ref.key, UploadId: this.uploadId, PartNumber: partNumber };
  }

  async #request<Output>(
    call: Call,
    operation: string,
    send: Parameters<typeof request<Output>>[2],
    idleTimeoutMs?: number,
  ): Promise<Output> {
    const attempt: Attempt = { operation, ...this.#ref, permission: 's3:PutObject' };
    const { encryption, onlyIfAbsent } = this.#options;
    const subject = { does: 'write', ref: this.#ref, encryption, ifAbsent: onlyIfAbsent ?? false } as const;
    const options = idleTimeoutMs === undefined ? {} : { idleTimeoutMs };
    const answer = await request(this.#context, call, send, attempt, subject, options);
    if (answer === null) throw nothingThere(operation, this.#ref, this.#options);
    return answer;
  }

  async complete(call: Call, parts: readonly PartReceipt[], whole: WholeObject): Promise<WrittenObject> {
    const received = parts.reduce((sum, part) => sum + part.size, 0);
    if (received !== whole.size) {
      throw new Fault(
        'bug',
        `the parts of "${this.#ref.key}" have ${received} bytes instead of ${whole.size}`,
      );
    }
    const entries = parts.map((part) =>
      this.#unsummed.has(part.partNumber) ? { ...part, checksum: null } : part,
    );
    return this.completeEntries(call, entries, whole);
  }

  /** As `complete`, for parts whose bytes the server copied as well. */
  async completeEntries(
    call: Call,
    parts: readonly CompletedPartEntry[],
    whole: Whole,
  ): Promise<WrittenObject> {
    let written: WrittenObject;
    try {
      written = await this.#complete(call, parts, whole);
    } catch (error) {
      written = await this.#settle(call, error, parts, whole);
    }
    this.#kept = true;
    return written;
  }

  async #complete(call: Call, parts: readonly CompletedPartEntry[], whole: Whole): Promise<WrittenObject> {
    const summed = this.#context.checksums !== 'none';
    // Of another algorithm than the upload's, S3 would refuse it.
    const fits = (checksum: Checksum | null) => summed && checksum?.algorithm === this.algorithm;
    const sent = (checksum: Checksum | null) =>
      checksum !== null && fits(checksum) ? checksumInput(checksum) : {};
    const command = new CompleteMultipartUploadCommand({
      Bucket: this.#ref.bucket,
      Key: this.#ref.key,
      UploadId: this.uploadId,
      MpuObjectSize: whole.size,
      ...sent(whole.checksum),
      ...(fits(whole.checksum) ? { ChecksumType: 'FULL_OBJECT' as const } : {}),
      ...conditionInput(this.#options),
      ...partInput(this.#options.encryption),
      MultipartUpload: {
        Parts: parts.map(({ partNumber, etag, checksum }) => ({
          PartNumber: partNumber,
          ETag: etag,
          ...sent(checksum),
        })),
      },
    });
    const answer = await this.#request(
      call,
      'CompleteMultipartUpload',
      (sent) => this.#context.client.send(command, sent),
      this.#context.slowAnswerTimeoutMs,
    );
    this.#kept = true;
    const told = wholeChecksum(answer);
    const comparison = fits(whole.checksum) ? compareChecksums(whole.checksum, told) : 'not-comparable';
    const versionId = versionOf(answer.VersionId);
    if (comparison !== 'not-comparable' && answer.ChecksumType === 'FULL_OBJECT') {
      // The server has summed up the parts that it has: their bytes and their number are those that were sent.
      checkChecksum(this.#ref, whole.checksum, told);
      return { etag: answer.ETag ?? '', versionId, checksum: told };
    }
    const info = await this.#head(call, versionId);
    if (info === null) return { etag: answer.ETag ?? '', versionId, checksum: null };
    if (info.etag === answer.ETag) this.#checkWhole(info, whole);
    return { etag: answer.ETag ?? '', versionId: versionId ?? info.versionId, checksum: info.checksum };
  }

  #head(call: Call, versionId: string | null): Promise<ObjectInfo | null> {
    const access = accessFor(this.#options.encryption);
    return headObject(this.#context, call, this.#ref, access, versionId ?? undefined);
  }

  #checkWhole(info: ObjectInfo, whole: Whole): void {
    if (info.size !== whole.size) {
      throw new Fault(
        'corrupt',
        `S3 made an object of ${info.size} bytes of the ${whole.size} that were sent for "${this.#ref.key}"`,
      );
    }
    checkChecksum(this.#ref, whole.checksum, info.checksum);
  }

  /**
   * After an answer that leaves doubt: the object is ours when its ETag is the one that these parts make, or its size and
   * checksum are. Throws the first fault otherwise.
   */
  async #settle(
    call: Call,
    error: unknown,
    parts: readonly CompletedPartEntry[],
    whole: Whole,
  ): Promise<WrittenObject> {
    if (!isFault(error, ...leavesDoubt) || call.signal.aborted) throw error;
    const info = await this.#head(call, null).catch(() => null);
    if (info === null || info.size !== whole.size) throw error;
    const sameEtag = info.etag === multipartEtag(parts.map((part) => part.etag));
    const sameBytes = compareChecksums(info.checksum, whole.checksum) === 'same';
    if (!sameEtag && !sameBytes) throw error;
    return { etag: info.etag, versionId: info.versionId, checksum: info.checksum };
  }

  park(): void {
    this.#kept = true;
  }

  /** Takes the upload and its parts away from S3. Absence is no fault. */
  abort(call: Call): Promise<void> {
    return abortUpload(this.#context, call, this.#ref, this.uploadId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#kept) return;
    this.#kept = true;
    const call = { ...this.#begun, signal: AbortSignal.timeout(abortTimeoutMs) };
    try {
      await this.abort(call);
    } catch (error) {
      call.log.warn('an unfinished upload could not be aborted; the next start tries again', {
        bucket: this.#ref.bucket,
        key: this.#ref.key,
        uploadId: this.uploadId,
        error: Fault.from(error),
      });
    }
  }
}

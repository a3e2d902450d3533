import {
  CompleteMultipartUploadCommand,
  UploadPartCommand,
  type UploadPartCommandOutput,
} from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import { type Checksum, type ChecksumAlgorithm, compareChecksums } from '../model/checksum.js';
import { accessFor } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import {
  type CompletedPart,
  isSameEtag,
  type ObjectInfo,
  type ObjectRef,
  type PartRange,
  type PartReceipt,
  type PartSource,
  type PartUpload,
  type ReplayableBody,
  type WholeObject,
  type WriteOptions,
  type WrittenObject,
} from '../model/object-store.js';
import { checksumInput, partChecksum, wholeChecksum } from './checksum-headers.js';
import { request, type S3Context } from './context.js';
import { copyPartOnce } from './copy/copy-part.js';
import { copySourceOf } from './copy/copy-source.js';
import { copyKind } from './copy/server-copies.js';
import { streamedSource } from './copy/streamed-source.js';
import type { DirectOutput } from './direct/direct-output.js';
import { directPart } from './direct/direct-put.js';
import { checkPartEcho, partInput } from './encryption-headers.js';
import { S3Error } from './errors/s3-error.js';
import type { Attempt } from './errors/translate.js';
import type { ExchangeOptions } from './http/exchange.js';
import { streamed } from './http/streamed-body.js';
import { abortUpload } from './listing.js';
import { quotedEtag, versionOf } from './object-info.js';
import { checkChecksum, conditionInput, nothingThere } from './object-writes.js';
import { headObject } from './reads.js';
import { absenceOf, type CompletedPartEntry, mayHaveSucceeded, objectOfParts } from './upload-outcome.js';

/** Time limit for aborting an upload whose call has ended. */
export const abortTimeoutMs = 30_000;

type PartOutput = DirectOutput | Omit<UploadPartCommandOutput, '$metadata'>;

/** A multipart upload at S3. */
export class S3PartUpload implements PartUpload {
  readonly uploadId: string;
  /** The checksum algorithm of its parts. */
  readonly algorithm: ChecksumAlgorithm;
  readonly #context: S3Context;
  readonly #begun: Call;
  readonly #ref: ObjectRef;
  readonly #options: WriteOptions;
  /** Parts for which the server keeps no checksum. */
  readonly #unsummed = new Set<number>();
  /** True when disposing has nothing to abort: the upload is complete, parked or aborted. */
  #isOver = false;

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
    checkPartNumber(partNumber);
    const isDirect = await this.#context.direct.canReach(call, this.#ref.bucket);
    const answer = await this.#request<PartOutput>(call, 'UploadPart', (sent) =>
      isDirect ? this.#sendDirectly(partNumber, body, sent) : this.#sendBySdk(partNumber, body, sent),
    );
    checkPartEcho(this.#ref, this.#options.encryption, answer);
    // A part is not visible, so it can be sent again. Complete names the checksum once more.
    checkChecksum(
      this.#ref,
      body.checksum,
      partChecksum(answer),
      new S3Error('another checksum', { isDamage: true }),
    );
    return { partNumber, etag: answer.ETag ?? '', size: body.byteLength, checksum: body.checksum };
  }

  async copyPart(call: Call, partNumber: number, source: PartSource): Promise<PartReceipt | null> {
    const { serverCopies } = this.#context;
    const kind = copyKind({ sourceAccess: source.access, encryption: this.#options.encryption });
    if (!serverCopies.isRefused('UploadPartCopy', kind)) {
      try {
        return await this.#copyPartAtServer(call, partNumber, source);
      } catch (error) {
        if (!serverCopies.isRefusal(error, this.#options.encryption.kind)) throw error;
      }
    }
    const found = await headObject(this.#context, call, source.ref, source.access, undefined);
    if (found === null) return null;
    const sent = await this.uploadPart(call, partNumber, streamedSource(this.#context, call, source));
    serverCopies.refuse('UploadPartCopy', kind, call.log);
    return sent;
  }

  async copyRange(call: Call, partNumber: number, source: PartRange): Promise<CompletedPart | null> {
    const { ref, access, etag, versionId, range } = source;
    const kind = copyKind({ sourceAccess: access, encryption: this.#options.encryption });
    if (this.#context.serverCopies.isRefused('UploadPartCopy', kind))
      throw new Fault('unsupported', 'the S3 server does not copy parts of such objects');
    const copied = await copyPartOnce(this.#context, call, {
      to: this.#ref,
      uploadId: this.uploadId,
      partNumber,
      source: copySourceOf(ref, versionId),
      sourceEtag: etag,
      range: `bytes=${range.start}-${range.end - 1}`,
      access,
      encryption: this.#options.encryption,
      attempt: this.#copyAttempt(ref),
    });
    return copied === null ? null : { partNumber, ...copied, size: range.end - range.start };
  }

  #copyAttempt({ bucket, key }: ObjectRef): Attempt {
    const permission = `s3:PutObject, and s3:GetObject on "${key}" in bucket "${bucket}"`;
    return { operation: 'UploadPartCopy', ...this.#ref, permission };
  }

  async #copyPartAtServer(call: Call, partNumber: number, source: PartSource): Promise<PartReceipt | null> {
    const { ref, access, etag, size, checksum } = source;
    const copied = await copyPartOnce(this.#context, call, {
      to: this.#ref,
      uploadId: this.uploadId,
      partNumber,
      source: copySourceOf(ref),
      sourceEtag: etag,
      access,
      encryption: this.#options.encryption,
      attempt: this.#copyAttempt(ref),
    });
    // Ceph RGW 20 ignores the condition here, so the source is checked afterwards.
    const after = copied && (await headObject(this.#context, call, ref, access, undefined));
    if (copied === null || after === null) return null;
    if (!isSameEtag(after.etag, etag))
      throw new Fault('conflict', `"${ref.key}" was replaced while it was copied`);
    checkChecksum(this.#ref, checksum, copied.checksum);
    // Complete must not name a checksum that the server has not kept.
    if (copied.checksum === null) this.#unsummed.add(partNumber);
    return { partNumber, etag: copied.etag, size, checksum };
  }

  #sendDirectly(partNumber: number, body: ReplayableBody, sent: ExchangeOptions): Promise<PartOutput> {
    const { encryption } = this.#options;
    const part = { ref: this.#ref, uploadId: this.uploadId, partNumber, body, encryption };
    return directPart(this.#context, part, sent);
  }

  #sendBySdk(partNumber: number, body: ReplayableBody, sent: ExchangeOptions): Promise<PartOutput> {
    const command = new UploadPartCommand({
      Bucket: this.#ref.bucket,
      Key: this.#ref.key,
      UploadId: this.uploadId,
      PartNumber: partNumber,
      ...partInput(this.#options.encryption),
      ...streamed(body, this.#context.checksums),
    });
    return this.#context.client.send(command, sent);
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

  async complete(call: Call, parts: readonly CompletedPart[], whole: WholeObject): Promise<WrittenObject> {
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

  /** Completes the upload like `complete`, for parts that the server copied as well. */
  async completeEntries(
    call: Call,
    parts: readonly CompletedPartEntry[],
    whole: WholeObject,
  ): Promise<WrittenObject> {
    let written: WrittenObject;
    try {
      written = await this.#complete(call, parts, whole);
    } catch (error) {
      written = await this.#settle(call, error, parts, whole);
    }
    this.#isOver = true;
    return written;
  }

  async #complete(
    call: Call,
    parts: readonly CompletedPartEntry[],
    whole: WholeObject,
  ): Promise<WrittenObject> {
    const summed = this.#context.checksums !== 'none';
    // S3 refuses a checksum of another algorithm than the upload's.
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
    this.#isOver = true;
    const answered = wholeChecksum(answer);
    const etag = quotedEtag(answer.ETag);
    const comparison = fits(whole.checksum) ? compareChecksums(whole.checksum, answered) : 'not-comparable';
    const versionId = versionOf(answer.VersionId);
    if (comparison !== 'not-comparable' && answer.ChecksumType === 'FULL_OBJECT') {
      // The server's checksum covers all parts that it has, so their bytes and number are those that were
      // sent.
      checkChecksum(this.#ref, whole.checksum, answered);
      return { etag, versionId, checksum: answered };
    }
    const info = await this.#head(call, versionId);
    if (info === null) return { etag, versionId, checksum: null };
    if (info.etag === etag) this.#checkWhole(info, whole);
    return { etag, versionId: versionId ?? info.versionId, checksum: info.checksum };
  }

  #head(call: Call, versionId: string | null): Promise<ObjectInfo | null> {
    const access = accessFor(this.#options.encryption);
    return headObject(this.#context, call, this.#ref, access, versionId ?? undefined);
  }

  #checkWhole(info: ObjectInfo, whole: WholeObject): void {
    if (info.size !== whole.size) {
      throw new Fault(
        'corrupt',
        `S3 created "${this.#ref.key}" with ${info.size} bytes instead of the ${whole.size} that were sent`,
      );
    }
    checkChecksum(this.#ref, whole.checksum, info.checksum);
  }

  /**
   * Checks for the object after a fault that leaves the outcome open. Throws the first fault if there is none, or
   * `not-found` if the upload does not exist: some servers answer each Complete of such an upload with an internal
   * error. A check that fails proves nothing: its fault is thrown if trying again may help.
   */
  async #settle(
    call: Call,
    error: unknown,
    parts: readonly CompletedPartEntry[],
    whole: WholeObject,
  ): Promise<WrittenObject> {
    if (!isFault(error, ...mayHaveSucceeded) || call.signal.aborted) throw error;
    const writtenObject = async () => {
      try {
        const info = await this.#head(call, null);
        return info === null ? null : objectOfParts(info, parts, whole);
      } catch (headError) {
        throw Fault.from(headError).isTransient ? headError : error;
      }
    };
    const written = await writtenObject();
    if (written !== null) return written;
    const isUnknown = isFault(error, 'unavailable');
    const absence = isUnknown
      ? await absenceOf(this.#context, call, this.#ref, this.uploadId, this.#options)
      : null;
    if (absence === null) throw error;
    // The server may have completed the upload since the first look.
    const late = await writtenObject();
    if (late === null) throw absence;
    return late;
  }

  park(): void {
    this.#isOver = true;
  }

  async abort(call: Call): Promise<void> {
    await abortUpload(this.#context, call, this.#ref, this.uploadId);
    this.#isOver = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    const call = { ...this.#begun, signal: AbortSignal.timeout(abortTimeoutMs) };
    try {
      await this.abort(call);
    } catch (error) {
      call.log.warn('an unfinished upload could not be aborted; retrying at the next start', {
        bucket: this.#ref.bucket,
        key: this.#ref.key,
        uploadId: this.uploadId,
        error: Fault.from(error),
      });
    }
  }
}

function checkPartNumber(partNumber: number): void {
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > 10_000) {
    throw new Fault('invalid', `a part number is between 1 and 10,000, not ${partNumber}`);
  }
}

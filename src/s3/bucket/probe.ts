import { checksumOf } from '../../bytes/running-checksum.js';
import type { Call } from '../../model/call.js';
import { type ChecksumAlgorithm, checksumName } from '../../model/checksum.js';
import { CustomerKey } from '../../model/customer-key.js';
import { accessFor, type WriteEncryption } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import { gatewayPrefix, probePrefix } from '../../model/gateway-objects.js';
import { keyTagName, type MemoryBody, type ObjectRef, type WriteOptions } from '../../model/object-store.js';
import { isLoopbackHost } from '../../network/local-hosts.js';
import { beginUpload } from '../begin-upload.js';
import { createS3Client, endpointInUse, type S3Connection } from '../client.js';
import { createContext, type S3Context } from '../context.js';
import { listObjects, listUploads } from '../listing.js';
import { putObject, removeObject } from '../object-writes.js';
import type { ChecksumSetting, S3StoreOptions } from '../options.js';
import { getObject } from '../reads.js';
import { Retries } from '../retry.js';
import { getTags, keyTags } from '../tags.js';
import { type Finding, findingOf } from './finding.js';
import { locksNewObjects } from './object-lock.js';
import { findRefusedCopies } from './refused-copies.js';
import { removeTrial } from './remove-trial.js';

export interface ProbeRequest {
  readonly bucket: string;
  /** True when any user's objects are encrypted with a customer key. */
  readonly sseC: boolean;
}

/** S3 refuses requests with a larger clock difference (RequestTimeTooSkewed). A third of it is reported. */
const maxSkewMs = 15 * 60_000;
const notableSkewMs = 5 * 60_000;

/** Fewer retries, because the start of the gateway waits for the result. */
const retryLimits = { maxAttempts: 2, maxTotalMs: 15_000 };

/**
 * Checks whether the gateway can work with the bucket: lists it, writes, reads and removes a tiny object
 * (`.sftpgw/probe-ID`) with a throw-away key, and begins and aborts a multipart upload. Writes no object into a bucket
 * that would lock it. Never throws. Empty when there is no problem.
 */
export async function probeS3(
  call: Call,
  options: S3StoreOptions,
  wanted: ProbeRequest,
): Promise<readonly Finding[]> {
  let connection: S3Connection;
  try {
    connection = createS3Client(options);
  } catch (error) {
    return [findingOf(error, 'error')];
  }
  const probe = new Probe(call, options, wanted, connection);
  try {
    await probe.run();
  } catch (error) {
    probe.findings.push(findingOf(error, 'error'));
  } finally {
    connection.client.destroy();
  }
  return probe.findings;
}

/** Alternatives for servers that refuse a checksum algorithm, the best first. */
const lesserChecksums: Readonly<Record<ChecksumAlgorithm, readonly Exclude<ChecksumSetting, 'crc32c'>[]>> = {
  crc32c: ['crc32', 'none'],
  crc32: ['none'],
};

class Probe {
  readonly findings: Finding[] = [];
  readonly #call: Call;
  readonly #options: S3StoreOptions;
  readonly #wanted: ProbeRequest;
  readonly #connection: S3Connection;
  readonly #context: S3Context;
  readonly #retries: Retries;
  readonly #ref: ObjectRef;
  /** The version of the written object; null without versioning. */
  #versionId: string | null = null;

  constructor(call: Call, options: S3StoreOptions, wanted: ProbeRequest, connection: S3Connection) {
    this.#call = call;
    this.#options = options;
    this.#wanted = wanted;
    this.#connection = connection;
    this.#context = createContext(connection, options);
    this.#retries = new Retries({ ...options, retry: retryLimits });
    this.#ref = { bucket: wanted.bucket, key: `${probePrefix}${options.entropy.id()}` };
  }

  async run(): Promise<void> {
    const inClear = this.#keysInClear();
    if (!(await this.#list())) return;
    this.#clock();
    const encryption: WriteEncryption =
      this.#wanted.sseC && !inClear
        ? { kind: 'sse-c', key: CustomerKey.fromBytes(this.#options.entropy.bytes(32)) }
        : { kind: 'bucket-default' };
    if (!(await this.#isLocked())) await this.#roundTrip(encryption);
    await this.#multipart(encryption);
  }

  #attempt<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    return this.#retries.run(this.#call, `probe: ${what}`, attempt);
  }

  #keysInClear(): boolean {
    const endpoint = endpointInUse(this.#options);
    if (!this.#wanted.sseC || endpoint === null) return false;
    const { protocol, hostname } = new URL(endpoint);
    if (protocol === 'https:' || isLoopbackHost(hostname)) return false;
    this.findings.push({
      severity: 'error',
      about: 'plain-http',
      what: `The S3 endpoint ${endpoint} is plain http, over which customer keys (SSE-C) are never sent.`,
      whatToDo: 'Set the S3 endpoint to an https:// address.',
    });
    return true;
  }

  /** Returns false when the other checks would fail too. */
  async #list(): Promise<boolean> {
    const { bucket } = this.#wanted;
    const page = { bucket, prefix: gatewayPrefix, delimiter: '/', maxKeys: 1 } as const;
    try {
      await this.#attempt('list', () => listObjects(this.#context, this.#call, page));
      return true;
    } catch (error) {
      this.findings.push(findingOf(error, 'error'));
      return isFault(error, 'denied') && error.hint.includes('s3:ListBucket');
    }
  }

  /** Returns true for a bucket in which a trial object would stay for the time of its retention. */
  async #isLocked(): Promise<boolean> {
    const { bucket } = this.#wanted;
    try {
      if (!(await this.#attempt('read the lock', () => locksNewObjects(this.#context, this.#call, bucket))))
        return false;
    } catch (error) {
      this.findings.push(findingOf(error, 'error'));
      return true;
    }
    this.findings.push({
      severity: 'notice',
      about: 'object-lock',
      what: `The bucket "${bucket}" locks every new object for a time (Object Lock), so writing, reading, tags, copying and removing were not tried.`,
      whatToDo: 'Upload and read a file that may stay, to try it.',
    });
    return true;
  }

  #clock(): void {
    const date = Date.parse(this.#connection.transport.serverDate ?? '');
    const offMs = Math.abs(date - this.#options.clock.nowMs());
    if (!(offMs > notableSkewMs)) return;
    this.findings.push({
      severity: offMs > maxSkewMs ? 'error' : 'warning',
      about: 'clock',
      what: `The clock of this machine and that of S3 are ${Math.round(offMs / 60_000)} minutes apart.`,
      whatToDo: 'Set the time of this machine, and let NTP keep it.',
    });
  }

  async #roundTrip(encryption: WriteEncryption): Promise<void> {
    const body = this.#body(this.#context.checksumAlgorithm);
    const options: WriteOptions = { encryption, acl: null, metadata: {}, contentType: null };
    if (!(await this.#write(body, options))) return;
    try {
      const access = accessFor(encryption);
      const read = await this.#attempt('read', async () => {
        const found = await getObject(this.#context, this.#call, this.#ref, access, null, {});
        return found === null ? null : collect(found.bytes);
      });
      const sent = Buffer.concat(body.chunks);
      if (read === null || !read.equals(sent)) {
        throw new Fault('corrupt', `S3 returned different bytes than were written to ${this.#ref.key}`);
      }
    } catch (error) {
      this.findings.push(findingOf(error, 'error'));
    }
    await this.#readTags(encryption);
    if (!this.findings.some((finding) => finding.severity === 'error')) {
      const refused = await findRefusedCopies(this.#context, this.#call, this.#ref, encryption);
      if (refused !== null) this.findings.push({ severity: 'warning', about: 'copies', ...refused });
    }
    try {
      await this.#remove();
    } catch (error) {
      const left = ` (the probe's object ${this.#ref.key} is left)`;
      this.findings.push(findingOf(error, 'warning', left));
    }
  }

  /** Returns false when nothing was written. */
  async #write(body: MemoryBody, options: WriteOptions): Promise<boolean> {
    const put = async (context: S3Context) => {
      const sent = context === this.#context ? body : this.#body(context.checksumAlgorithm);
      const { versionId } = await this.#attempt('write', () =>
        putObject(context, this.#call, this.#ref, sent, options),
      );
      this.#versionId = versionId;
    };
    try {
      await put(this.#context);
      return true;
    } catch (error) {
      if (await this.#tagsAreWhy(error, options, put)) return true;
      if (await this.#checksumsAreWhy(error, put)) return true;
      this.findings.push(findingOf(error, 'error'));
      return false;
    }
  }

  /** Reports refused checksums if the same request works with others or without any. */
  async #checksumsAreWhy(
    error: unknown,
    attempt: (context: S3Context) => Promise<unknown>,
  ): Promise<boolean> {
    const { checksums } = this.#context;
    if (checksums === 'none' || !isFault(error, 'invalid', 'unsupported', 'corrupt')) return false;
    for (const other of lesserChecksums[checksums]) {
      const context = { ...this.#context, checksums: other, checksumAlgorithm: 'crc32' } as const;
      if (!(await succeeds(() => attempt(context)))) continue;
      this.findings.push({
        severity: 'error',
        about: 'checksums',
        what: `The S3 server refuses checksums (x-amz-checksum-${checksums}), and works ${other === 'none' ? 'without' : `with ${checksumName[other]}`}.`,
        whatToDo: `Set checksums=${other}.`,
      });
      return true;
    }
    return false;
  }

  #remove(): Promise<void> {
    return removeTrial([this.#versionId], (condition) =>
      this.#attempt('remove', () => removeObject(this.#context, this.#call, this.#ref, condition)),
    );
  }

  /** Reports refused tags if the same write works without them. */
  async #tagsAreWhy(
    error: unknown,
    { encryption }: WriteOptions,
    put: (context: S3Context) => Promise<unknown>,
  ): Promise<boolean> {
    const hasTags = Object.keys(keyTags(this.#context, encryption)).length > 0;
    if (!hasTags || !isFault(error, 'denied', 'invalid', 'unsupported')) return false;
    if (!(await succeeds(() => put({ ...this.#context, keyTags: false })))) return false;
    const isDenied = isFault(error, 'denied');
    this.findings.push({
      severity: 'error',
      about: 'tags',
      what: isDenied
        ? 'S3 does not allow the tag that names the key of an object.'
        : 'The S3 server does not take the tag that names the key of an object.',
      whatToDo: isDenied
        ? 'Allow s3:PutObjectTagging and s3:GetObjectTagging, or set ledger.tags=no.'
        : 'Set ledger.tags=no.',
    });
    return true;
  }

  /** Reads the tags back, if writing works. A copy cannot keep tags that cannot be read. */
  async #readTags(encryption: WriteEncryption): Promise<void> {
    const expected = keyTags(this.#context, encryption);
    if (this.findings.length > 0 || Object.keys(expected).length === 0) return;
    try {
      const tags = await this.#attempt('read the tags', () =>
        getTags(this.#context, this.#call, this.#ref, undefined),
      );
      if (tags?.[keyTagName] === expected[keyTagName]) return;
      this.findings.push({
        severity: 'warning',
        about: 'tags',
        what: 'The S3 server does not keep the tag that names the key of an object.',
        whatToDo: 'Set ledger.tags=no; a lost ledger is then rebuilt by trying keys.',
      });
    } catch (error) {
      this.findings.push(findingOf(error, 'warning'));
    }
  }

  #body(algorithm: ChecksumAlgorithm): MemoryBody {
    const bytes = Buffer.from(`sftpgw probe ${this.#ref.key}\n`);
    return { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf(algorithm, bytes) };
  }

  /**
   * Begins, aborts and lists uploads, if writing works; otherwise the same problem would be reported twice.
   */
  async #multipart(encryption: WriteEncryption): Promise<void> {
    const cannotWrite = this.findings.some(({ severity }) => severity === 'error');
    if (cannotWrite) return;
    const options: WriteOptions = { encryption, acl: null, metadata: {}, contentType: null };
    const { bucket } = this.#wanted;
    const begin = async (context: S3Context) => {
      const upload = await this.#attempt('begin an upload', () =>
        beginUpload(context, this.#call, this.#ref, options),
      );
      await this.#attempt('abort it', () => upload.abort(this.#call));
    };
    try {
      await begin(this.#context);
    } catch (error) {
      // A server may accept a checksum with PutObject, but not over all parts of an upload.
      if (!(await this.#checksumsAreWhy(error, begin))) this.findings.push(findingOf(error, 'error'));
    }
    try {
      await this.#attempt('list uploads', () =>
        listUploads(this.#context, this.#call, bucket, this.#ref.key),
      );
    } catch (error) {
      this.findings.push(findingOf(error, 'warning'));
    }
  }
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function succeeds(attempt: () => Promise<unknown>): Promise<boolean> {
  return attempt().then(
    () => true,
    () => false,
  );
}

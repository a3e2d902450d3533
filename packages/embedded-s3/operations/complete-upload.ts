import { createHash } from 'node:crypto';
import { type CompositeAlgorithm, type CrcAlgorithm, checksumHeader } from '../checksums/algorithms.js';
import { combineCrc, compositeChecksum } from '../checksums/combine.js';
import { checkWriteCondition, parseWriteCondition } from '../conditions.js';
import {
  type CustomerKeyHeaders,
  carriesCustomerKey,
  encryptionAnswer,
  resolvePartKey,
} from '../encryption-headers.js';
import {
  entityTooSmall,
  invalidPart,
  invalidPartOrder,
  invalidRequest,
  malformedXml,
  noSuchUpload,
  S3Error,
} from '../errors.js';
import { type Answer, xmlAnswer } from '../http/answer.js';
import type { ObjectRequest } from '../http/request.js';
import { quoted, versionHeader } from '../object-headers.js';
import { receiveDocument } from '../payload.js';
import type {
  KeptChecksum,
  NewVersion,
  ObjectVersion,
  RestEncryption,
  Segment,
  Upload,
  UploadedPart,
} from '../storage/records.js';
import { parseXml, type XmlReader } from '../xml.js';
import { isVersioned, refuseBlockedKey, requireBucket, type ServerContext } from './context.js';
import { partAlgorithm, requireUpload } from './multipart-upload.js';
import { recordCreation } from './put-object.js';

/**
 * Min size of every part except the last.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
const minPartBytes = 5 * 1024 ** 2;
const maxParts = 10_000;

interface NamedPart {
  readonly partNumber: number;
  readonly etag: string;
  readonly checksum: string | null;
}

/**
 * CompleteMultipartUpload: the bodies of the parts become those of the object, in order, without
 * being read or copied.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 */
export async function completeMultipartUpload(
  server: ServerContext,
  request: ObjectRequest,
): Promise<Answer> {
  const { store } = server;
  const bucket = requireBucket(server, request.bucket);
  if (completedVersion(server, request) !== null) return await answerAgain(server, request);
  const upload = requireUpload(server, request);
  refuseBlockedKey(bucket, request, 'PutObject');
  const customerKey = resolveCompletionKey(server, request, upload.encryption, upload.checksum !== null);
  const condition = parseWriteCondition(request.headers);
  const named = parseParts(
    upload,
    parseXml(await receiveDocument(request, 'object'), 'CompleteMultipartUpload'),
  );
  const parts = matchParts(named, store.uploads.parts(upload.uploadId));
  const version: NewVersion = {
    bucket: upload.bucket,
    key: upload.key,
    size: objectSize(request, parts),
    etag: multipartEtag(parts),
    lastModifiedMs: server.nowMs(),
    description: upload.description,
    encryption: upload.encryption,
    checksum: objectChecksum(request, upload, parts),
    partsCount: parts.length,
  };
  const outcome = await store.change(() => {
    const current = requireBucket(server, request.bucket);
    // The same request may have completed the upload meanwhile.
    const before = completedVersion(server, request);
    if (before !== null && before.etag === version.etag) return null;
    requireUpload(server, request);
    checkWriteCondition(condition, upload.key, store.versions.latest(upload.bucket, upload.key));
    // A part may have been sent again meanwhile.
    const now = new Set(store.uploads.remove(upload.uploadId));
    if (parts.some((part) => !now.has(part.bodyId))) throw invalidPart({ UploadId: upload.uploadId });
    for (const part of parts) now.delete(part.bodyId);
    const change = store.versions.add(version, parts.map(segmentOf), current.versioning);
    store.uploads.recordCompletion(upload, change.versionId);
    return { versionId: change.versionId, orphans: [...change.orphans, ...now] };
  });
  if (outcome === null) {
    const before = completedVersion(server, request);
    if (before === null) throw noSuchUpload(upload.uploadId);
    return answerOf(server, request, before, customerKey);
  }
  store.discard(outcome.orphans);
  recordCreation(
    server,
    version,
    outcome.versionId,
    'ObjectCreated:CompleteMultipartUpload',
    request.requestId,
  );
  return answerOf(server, request, { ...version, versionId: outcome.versionId }, customerKey);
}

/** Returns the version that the upload of a request became, if that still exists. */
function completedVersion({ store }: ServerContext, request: ObjectRequest): ObjectVersion | null {
  const { bucket, key, query } = request;
  const versionId = store.uploads.completedVersion(bucket, key, query.get('uploadId') ?? '');
  const version = versionId === null ? null : store.versions.byId(bucket, key, versionId);
  return version === null || version.deleteMarker ? null : version;
}

/**
 * Answers a repeated request as the first one, whose answer may have been lost. Changes nothing.
 * Throws NoSuchUpload if the request names other parts.
 */
async function answerAgain(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const document = parseXml(await receiveDocument(request, 'object'), 'CompleteMultipartUpload');
  const version = completedVersion(server, request);
  const uploadId = request.query.get('uploadId') ?? '';
  if (version === null) throw noSuchUpload(uploadId);
  // An upload without an algorithm has CRC64NVME over the whole object.
  const hasChecksum = version.checksum?.type === 'COMPOSITE' || version.checksum?.algorithm !== 'CRC64NVME';
  const customerKey = resolveCompletionKey(server, request, version.encryption, hasChecksum);
  const etags = document.all('Part').map((part) => ({ etag: bareEtag(part.text('ETag') ?? '') }));
  if (multipartEtag(etags) !== version.etag) throw noSuchUpload(uploadId);
  return answerOf(server, request, version, customerKey);
}

/**
 * Returns the customer's key of a completion. It may be absent, except after an upload with a
 * checksum algorithm. Throws InvalidRequest if it is missing then, or another one.
 */
function resolveCompletionKey(
  { store }: ServerContext,
  { headers }: ObjectRequest,
  encryption: RestEncryption,
  hasChecksum: boolean,
): CustomerKeyHeaders | null {
  const isNeeded = encryption.kind === 'sse-c' && hasChecksum;
  return isNeeded || carriesCustomerKey(headers) ? resolvePartKey(headers, encryption, store.keys) : null;
}

function answerOf(
  server: ServerContext,
  { bucket, key }: ObjectRequest,
  version: NewVersion & { readonly versionId: string },
  customerKey: CustomerKeyHeaders | null,
): Answer {
  return xmlAnswer(
    'CompleteMultipartUploadResult',
    [
      ['Location', `/${bucket}/${encodeURIComponent(key).replaceAll('%2F', '/')}`],
      ['Bucket', bucket],
      ['Key', key],
      ['ETag', quoted(version.etag)],
      [`Checksum${version.checksum?.algorithm ?? ''}`, version.checksum?.value],
      ['ChecksumType', version.checksum?.type],
    ],
    {
      ...versionHeader(version.versionId, isVersioned(requireBucket(server, bucket))),
      ...encryptionAnswer(version.encryption, customerKey),
    },
  );
}

function segmentOf({ bodyId, wrappedKey, size, partNumber, checksum }: UploadedPart): Segment {
  return { bodyId, wrappedKey, size, partNumber, checksum };
}

function parseParts(upload: Upload, document: XmlReader): readonly NamedPart[] {
  const parts = document.all('Part').map((part) => parsePart(upload, part));
  if (parts.length === 0 || parts.length > maxParts) throw malformedXml();
  parts.forEach((part, index) => {
    const previous = parts[index - 1];
    if (previous !== undefined && previous.partNumber >= part.partNumber) {
      throw invalidPartOrder({ UploadId: upload.uploadId });
    }
  });
  return parts;
}

function parsePart(upload: Upload, part: XmlReader): NamedPart {
  const number = part.text('PartNumber')?.trim() ?? '';
  const etag = part.text('ETag');
  if (!/^\d{1,5}$/.test(number) || etag === null) throw malformedXml();
  const checksum = part.text(`Checksum${partAlgorithm(upload)}`);
  if (checksum === null && upload.checksum?.type === 'COMPOSITE') {
    throw invalidRequest(
      `The upload was created using a ${upload.checksum.algorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${number} in the request.`,
    );
  }
  return { partNumber: Number(number), etag: bareEtag(etag), checksum };
}

function bareEtag(text: string): string {
  return text.trim().replace(/^"(.*)"$/, '$1');
}

/** Returns the uploaded parts that the request names. Throws InvalidPart, EntityTooSmall. */
function matchParts(named: readonly NamedPart[], uploaded: readonly UploadedPart[]): readonly UploadedPart[] {
  const byNumber = new Map(uploaded.map((part) => [part.partNumber, part]));
  const parts = named.map(({ partNumber, etag, checksum }) => {
    const part = byNumber.get(partNumber);
    if (part === undefined || part.etag !== etag || (checksum !== null && checksum !== part.checksum)) {
      throw invalidPart({ PartNumber: String(partNumber), ETag: etag });
    }
    return part;
  });
  parts.slice(0, -1).forEach((part) => {
    if (part.size >= minPartBytes) return;
    throw entityTooSmall({
      ProposedSize: String(part.size),
      MinSizeAllowed: String(minPartBytes),
      PartNumber: String(part.partNumber),
      ETag: part.etag,
    });
  });
  return parts;
}

function objectSize(request: ObjectRequest, parts: readonly UploadedPart[]): number {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const expected = request.headers['x-amz-mp-object-size'];
  if (expected !== undefined && expected.trim() !== String(size)) {
    throw invalidRequest(
      `The provided 'x-amz-mp-object-size' header does not match what was computed: ${size} bytes.`,
    );
  }
  return size;
}

/** Returns the MD5 over the parts' entity tags, a hyphen and their number. */
function multipartEtag(parts: readonly Pick<UploadedPart, 'etag'>[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(Buffer.from(part.etag, 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}

/**
 * Returns the checksum of the whole object from those of its parts. Throws BadDigest if the request
 * declares another one.
 */
function objectChecksum(
  request: ObjectRequest,
  upload: Upload,
  parts: readonly UploadedPart[],
): KeptChecksum {
  const algorithm = partAlgorithm(upload);
  const type = upload.checksum?.type ?? 'FULL_OBJECT';
  const value =
    type === 'COMPOSITE'
      ? compositeChecksum(
          algorithm as CompositeAlgorithm,
          parts.map((part) => part.checksum),
        )
      : combineCrc(
          algorithm as CrcAlgorithm,
          parts.map((part) => ({ base64: part.checksum, size: part.size })),
        );
  const declared = request.headers[checksumHeader[algorithm]];
  if (declared !== undefined && declared !== value && declared !== value.replace(/-\d+$/, '')) {
    throw new S3Error(
      'BadDigest',
      400,
      `The ${algorithm} you specified did not match the calculated checksum.`,
    );
  }
  return { algorithm, type, value };
}

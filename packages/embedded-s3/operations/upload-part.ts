import { createHash } from 'node:crypto';
import { checksumHeader } from '../checksums/algorithms.js';
import { createChecksum } from '../checksums/checksum.js';
import { declaredChecksum } from '../checksums/declared.js';
import { encryptionAnswer, refuseEncryptionHeader, resolvePartKey } from '../encryption-headers.js';
import { invalidArgument, invalidRequest } from '../errors.js';
import { type Answer, emptyAnswer, xmlAnswer } from '../http/answer.js';
import type { ObjectRequest } from '../http/request.js';
import { quoted } from '../object-headers.js';
import { maxPutBytes, receiveBody, tooLarge } from '../payload.js';
import type { Tap } from '../storage/body-writer.js';
import type { Upload, UploadedPart } from '../storage/records.js';
import { refuseBlockedKey, requireBucket, type ServerContext } from './context.js';
import { openCopySource } from './copy-source.js';
import { partAlgorithm, requireUpload } from './multipart-upload.js';
import { etagIsMd5, randomEtag } from './put-object.js';

const maxPartNumber = 10_000;

/** UploadPart. https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html */
export async function uploadPart(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const partNumber = parsePartNumber(request);
  const bucket = requireBucket(server, request.bucket);
  const upload = requireUpload(server, request);
  refuseEncryptionHeader(request.headers);
  refuseBlockedKey(bucket, request, 'PutObject');
  const customerKey = resolvePartKey(request.headers, upload.encryption, server.store.keys);
  const declared = declaredChecksum(request.headers)?.algorithm ?? null;
  requireSameAlgorithm(upload, declared);
  const algorithm = partAlgorithm(upload);
  const body = await receiveBody(server.store, request, {
    customerKey: customerKey?.key ?? null,
    keep: [algorithm],
    needsMd5: etagIsMd5(upload.encryption),
  });
  const part: UploadedPart = {
    bodyId: body.bodyId,
    wrappedKey: body.wrappedKey,
    size: body.size,
    partNumber,
    etag: body.md5 !== null && etagIsMd5(upload.encryption) ? body.md5 : randomEtag(),
    checksum: body.checksum(algorithm),
    lastModifiedMs: server.nowMs(),
  };
  await commitPart(server, request, part);
  const shown = declared ?? algorithm;
  return emptyAnswer(200, {
    etag: quoted(part.etag),
    ...encryptionAnswer(upload.encryption, customerKey),
    [checksumHeader[shown]]: body.checksum(shown),
  });
}

/** UploadPartCopy. https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html */
export async function uploadPartCopy(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const partNumber = parsePartNumber(request);
  const bucket = requireBucket(server, request.bucket);
  const upload = requireUpload(server, request);
  refuseEncryptionHeader(request.headers);
  refuseBlockedKey(bucket, request, 'PutObject');
  const customerKey = resolvePartKey(request.headers, upload.encryption, server.store.keys);
  const source = openCopySource(server, request);
  try {
    const { start, end } = copyRange(request.headers['x-amz-copy-source-range'], source.version.size);
    if (end - start > maxPutBytes) throw tooLarge(end - start);
    const algorithm = partAlgorithm(upload);
    const checksum = createChecksum(algorithm);
    const md5 = etagIsMd5(upload.encryption) ? createHash('md5') : null;
    const taps: Tap[] = md5 === null ? [checksum] : [checksum, md5];
    const body = await server.store.writeBody(
      server.store.readBody(source.segments, source.customerKey?.key ?? null, start, end),
      { customerKey: customerKey?.key ?? null, maxBytes: end - start, taps },
    );
    const part: UploadedPart = {
      ...body,
      partNumber,
      etag: md5 === null ? randomEtag() : md5.digest('hex'),
      checksum: checksum.digestBase64(),
      lastModifiedMs: server.nowMs(),
    };
    await commitPart(server, request, part);
    return xmlAnswer(
      'CopyPartResult',
      [
        ['LastModified', new Date(part.lastModifiedMs).toISOString()],
        ['ETag', quoted(part.etag)],
        [`Checksum${algorithm}`, upload.checksum === null ? null : part.checksum],
      ],
      {
        ...encryptionAnswer(upload.encryption, customerKey),
        'x-amz-copy-source-version-id':
          source.version.versionId === 'null' ? undefined : source.version.versionId,
      },
    );
  } finally {
    source.release();
  }
}

function parsePartNumber(request: ObjectRequest): number {
  const text = request.query.get('partNumber') ?? '';
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > maxPartNumber) {
    throw invalidArgument(
      `Part number must be an integer between 1 and ${maxPartNumber}, inclusive`,
      'partNumber',
      text,
    );
  }
  return number;
}

/**
 * An upload with an algorithm accepts only parts with that algorithm: the checksum of the whole is
 * computed from theirs.
 */
function requireSameAlgorithm(upload: Upload, declared: string | null): void {
  if (upload.checksum === null || declared === upload.checksum.algorithm) return;
  // S3 itself computes CRC64NVME for a part that declares none.
  if (declared === null && upload.checksum.algorithm === 'CRC64NVME') return;
  throw invalidRequest(
    `Checksum Type mismatch occurred, expected checksum Type: ${upload.checksum.algorithm.toLowerCase()}, actual checksum Type: ${declared?.toLowerCase() ?? 'null'}`,
  );
}

/** Parses `bytes=first-last`, both inside the source. Without the header, returns all of it. */
function copyRange(header: string | undefined, size: number): { start: number; end: number } {
  if (header === undefined) return { start: 0, end: size };
  const match = /^bytes=(\d+)-(\d+)$/.exec(header);
  const first = Number(match?.[1]);
  const last = Number(match?.[2]);
  if (match === null || last < first) {
    throw invalidArgument(
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      'x-amz-copy-source-range',
      header,
    );
  }
  if (last >= size) {
    throw invalidArgument(
      `Range specified is not valid for source object of size: ${size}`,
      'x-amz-copy-source-range',
      header,
    );
  }
  return { start: first, end: last + 1 };
}

/** Records the part in the index, if its upload still exists. Discards the body if it throws. */
async function commitPart(server: ServerContext, request: ObjectRequest, part: UploadedPart): Promise<void> {
  try {
    const orphans = await server.store.change(() => {
      const upload = requireUpload(server, request);
      return server.store.uploads.putPart(upload.uploadId, part);
    });
    server.store.discard(orphans);
  } catch (error) {
    server.store.discard([part.bodyId]);
    throw error;
  }
}

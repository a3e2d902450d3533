import { initiatorElement, ownerElement } from '../acl.js';
import type { ChecksumAlgorithm } from '../checksums/algorithms.js';
import { multipartChecksum } from '../checksums/multipart.js';
import { encryptionAnswer, resolveWriteEncryption } from '../encryption-headers.js';
import { noSuchUpload } from '../errors.js';
import { type Answer, emptyAnswer, xmlAnswer } from '../http/answer.js';
import type { ObjectRequest } from '../http/request.js';
import { parseDescription, quoted } from '../object-headers.js';
import type { Upload } from '../storage/records.js';
import { newVersionId } from '../storage/version-index.js';
import type { XmlNode } from '../xml.js';
import { integerParameter, requireBucket, type ServerContext, sseCBlocked } from './context.js';

/** CreateMultipartUpload. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html */
export async function createMultipartUpload(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const { store } = server;
  const bucket = requireBucket(server, request.bucket);
  const { encryption, customerKey } = resolveWriteEncryption(
    request.headers,
    bucket,
    store.keys,
    server.region,
    () => sseCBlocked(request, 'PutObject'),
  );
  const checksum = multipartChecksum(request.headers);
  const upload: Upload = {
    uploadId: newVersionId() + newVersionId(),
    bucket: request.bucket,
    key: request.key,
    initiatedMs: server.nowMs(),
    description: parseDescription(request),
    encryption,
    checksum,
  };
  await store.change(() => {
    requireBucket(server, request.bucket);
    store.uploads.create(upload);
  });
  return xmlAnswer(
    'InitiateMultipartUploadResult',
    [
      ['Bucket', request.bucket],
      ['Key', request.key],
      ['UploadId', upload.uploadId],
    ],
    {
      ...encryptionAnswer(encryption, customerKey),
      'x-amz-checksum-algorithm': checksum?.algorithm,
      'x-amz-checksum-type': checksum?.type,
    },
  );
}

/** Returns the incomplete upload that the request names. Throws NoSuchBucket, NoSuchUpload. */
export function requireUpload(server: ServerContext, request: ObjectRequest): Upload {
  requireBucket(server, request.bucket);
  const uploadId = request.query.get('uploadId') ?? '';
  const upload = server.store.uploads.find(request.bucket, request.key, uploadId);
  if (upload === null) throw noSuchUpload(uploadId);
  return upload;
}

/** Returns the checksum algorithm of every part of an upload. */
export function partAlgorithm(upload: Upload): ChecksumAlgorithm {
  return upload.checksum?.algorithm ?? 'CRC64NVME';
}

/** AbortMultipartUpload. https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html */
export async function abortMultipartUpload(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const orphans = await server.store.change(() => {
    const upload = requireUpload(server, request);
    return server.store.uploads.remove(upload.uploadId);
  });
  server.store.discard(orphans);
  return emptyAnswer(204);
}

/** ListParts. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html */
export async function listParts(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const upload = requireUpload(server, request);
  const maxParts = integerParameter(request, 'max-parts', { min: 0, max: 1000, absent: 1000 });
  const marker = integerParameter(request, 'part-number-marker', { min: 0, max: 2_147_483_647, absent: 0 });
  const found = server.store.uploads.partsAfter(upload.uploadId, marker, maxParts + 1);
  const parts = found.slice(0, maxParts);
  const nodes: XmlNode[] = [
    ['Bucket', request.bucket],
    ['Key', request.key],
    ['UploadId', upload.uploadId],
    initiatorElement,
    ownerElement,
    ['StorageClass', upload.description.storageClass],
    ['PartNumberMarker', marker],
    ['NextPartNumberMarker', parts.at(-1)?.partNumber ?? marker],
    ['MaxParts', maxParts],
    ['IsTruncated', found.length > parts.length && maxParts > 0],
    ['ChecksumAlgorithm', upload.checksum?.algorithm],
    ['ChecksumType', upload.checksum?.type],
  ];
  for (const part of parts) {
    nodes.push([
      'Part',
      [
        ['PartNumber', part.partNumber],
        ['LastModified', new Date(part.lastModifiedMs).toISOString()],
        ['ETag', quoted(part.etag)],
        ['Size', part.size],
        upload.checksum === null
          ? ['ChecksumCRC64NVME', null]
          : [`Checksum${upload.checksum.algorithm}`, part.checksum],
      ],
    ]);
  }
  return xmlAnswer('ListPartsResult', nodes);
}

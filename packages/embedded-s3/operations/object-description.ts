import { parseCannedAcl, renderAcl } from '../acl.js';
import { carriesCustomerKey, resolveReadKey } from '../encryption-headers.js';
import { invalidArgument, notImplemented } from '../errors.js';
import { type Answer, emptyAnswer, xmlAnswer } from '../http/answer.js';
import type { ObjectRequest } from '../http/request.js';
import { versionHeader } from '../object-headers.js';
import { receiveDocument } from '../payload.js';
import type { Description, ObjectVersion } from '../storage/records.js';
import { parseTagging, renderTagging } from '../tags.js';
import { parseXml, type XmlNode } from '../xml.js';
import { integerParameter, isVersioned, requireBucket, type ServerContext } from './context.js';
import { findVersion } from './find-version.js';

/**
 * GetObjectTagging. It needs no key: tags are not encrypted.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
 */
export async function getObjectTagging(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const bucket = requireBucket(server, request.bucket);
  const version = findVersion(server, bucket, request);
  return xmlAnswer(
    'Tagging',
    renderTagging(version.description.tags),
    versionHeader(version.versionId, isVersioned(bucket)),
  );
}

/** PutObjectTagging. https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html */
export async function putObjectTagging(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const tags = parseTagging(parseXml(await receiveDocument(request), 'Tagging'));
  return emptyAnswer(
    200,
    await updateDescription(server, request, (description) => ({ ...description, tags })),
  );
}

/** DeleteObjectTagging. https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html */
export async function deleteObjectTagging(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  return emptyAnswer(
    204,
    await updateDescription(server, request, (description) => ({ ...description, tags: [] })),
  );
}

/** GetObjectAcl. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html */
export async function getObjectAcl(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const version = findVersion(server, requireBucket(server, request.bucket), request);
  return xmlAnswer('AccessControlPolicy', renderAcl(version.description.acl));
}

/** PutObjectAcl, with a canned ACL. https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html */
export async function putObjectAcl(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  if (request.headers['x-amz-acl'] === undefined) throw notImplemented('PutObjectAcl without a canned ACL');
  const acl = parseCannedAcl(request.headers);
  return emptyAnswer(
    200,
    await updateDescription(server, request, (description) => ({ ...description, acl })),
  );
}

async function updateDescription(
  server: ServerContext,
  request: ObjectRequest,
  change: (description: Description) => Description,
) {
  return await server.store.change(() => {
    const bucket = requireBucket(server, request.bucket);
    const version = findVersion(server, bucket, request);
    server.store.versions.setDescription(version.sequence, change(version.description));
    return versionHeader(version.versionId, isVersioned(bucket));
  });
}

const attributeNames = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const;

/** GetObjectAttributes. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html */
export async function getObjectAttributes(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const bucket = requireBucket(server, request.bucket);
  const header = request.headers['x-amz-object-attributes'] ?? '';
  const wanted = new Set(header.split(',').map((name) => name.trim()));
  if ([...wanted].some((name) => !attributeNames.some((known) => known === name))) {
    throw invalidArgument('Invalid attribute name specified.', 'x-amz-object-attributes', header);
  }
  const version = findVersion(server, bucket, request);
  if (version.encryption.kind === 'sse-c' || carriesCustomerKey(request.headers)) {
    resolveReadKey(request.headers, version.encryption, server.store.keys);
  }
  const { checksum } = version;
  const nodes: XmlNode[] = [];
  if (wanted.has('ETag')) nodes.push(['ETag', version.etag]);
  if (wanted.has('Checksum') && checksum !== null) {
    nodes.push([
      'Checksum',
      [
        [`Checksum${checksum.algorithm}`, checksum.value],
        ['ChecksumType', checksum.type],
      ],
    ]);
  }
  if (wanted.has('ObjectParts') && version.partsCount !== null) {
    nodes.push(['ObjectParts', objectParts(server, request, version)]);
  }
  if (wanted.has('StorageClass')) nodes.push(['StorageClass', version.description.storageClass]);
  if (wanted.has('ObjectSize')) nodes.push(['ObjectSize', version.size]);
  return xmlAnswer('GetObjectAttributesResponse', nodes, {
    'last-modified': new Date(version.lastModifiedMs).toUTCString(),
    ...versionHeader(version.versionId, isVersioned(bucket)),
  });
}

/** Returns the parts, with their checksums if that of the whole is a checksum of checksums. */
function objectParts(
  server: ServerContext,
  request: ObjectRequest,
  version: ObjectVersion,
): readonly XmlNode[] {
  const { headers } = request;
  const inHeaders = new URLSearchParams();
  for (const name of ['max-parts', 'part-number-marker']) inHeaders.set(name, headers[`x-amz-${name}`] ?? '');
  const parameters = { ...request, query: inHeaders };
  const maxParts = integerParameter(parameters, 'max-parts', { min: 0, max: 1000, absent: 1000 });
  const marker = integerParameter(parameters, 'part-number-marker', { min: 0, max: 10_000, absent: 0 });
  const following = server.store.versions
    .segments(version.sequence)
    .filter((segment) => segment.partNumber > marker);
  const parts = following.slice(0, maxParts);
  const nodes: XmlNode[] = [
    ['PartsCount', version.partsCount],
    ['PartNumberMarker', marker],
    ['NextPartNumberMarker', parts.at(-1)?.partNumber ?? marker],
    ['MaxParts', maxParts],
    ['IsTruncated', following.length > parts.length],
  ];
  if (version.checksum?.type !== 'COMPOSITE') return nodes;
  for (const part of parts) {
    nodes.push([
      'Part',
      [
        ['PartNumber', part.partNumber],
        ['Size', part.size],
        [`Checksum${version.checksum.algorithm}`, part.checksum],
      ],
    ]);
  }
  return nodes;
}

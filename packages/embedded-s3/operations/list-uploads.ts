import { initiatorElement, ownerElement } from '../acl.js';
import { type Answer, xmlAnswer } from '../http/answer.js';
import type { BucketRequest } from '../http/request.js';
import { compareKeys, justAfter } from '../key-order.js';
import type { Upload } from '../storage/records.js';
import type { XmlNode } from '../xml.js';
import { integerParameter, requireBucket, type ServerContext } from './context.js';
import { encodingElement, keyEncoder, prefixElements } from './list-encoding.js';
import { keyAfterMarker, listPage, type Position } from './list-page.js';

/** ListMultipartUploads. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html */
export async function listMultipartUploads(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const { query, bucket } = request;
  const encode = keyEncoder(request);
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const uploadMarker = keyMarker === '' ? '' : (query.get('upload-id-marker') ?? '');
  const limit = integerParameter(request, 'max-uploads', { min: 1, max: 1000, absent: 1000 });
  const page = listPage<Upload, string>(
    {
      prefix,
      delimiter,
      limit,
      marker: keyMarker,
      from: startOf(prefix, delimiter, keyMarker, uploadMarker),
    },
    (from, upper, count) =>
      server.store.listing.uploads(bucket, { key: from.key, uploadId: from.within ?? '' }, upper, count),
  );
  const next = page.isTruncated ? page.last : null;
  const nodes: XmlNode[] = [
    ['Bucket', bucket],
    ['KeyMarker', encode(keyMarker)],
    ['UploadIdMarker', uploadMarker],
    ['NextKeyMarker', next === null ? null : encode(next.kind === 'row' ? next.row.key : next.prefix)],
    ['NextUploadIdMarker', next?.kind === 'row' ? next.row.uploadId : null],
    ['Prefix', encode(prefix)],
    ['Delimiter', delimiter === '' ? null : encode(delimiter)],
    encodingElement(request),
    ['MaxUploads', limit],
    ['IsTruncated', page.isTruncated],
    ...page.rows.map((upload) => uploadNode(upload, encode)),
    ...prefixElements(page.prefixes, encode),
  ];
  return xmlAnswer('ListMultipartUploadsResult', nodes);
}

function startOf(
  prefix: string,
  delimiter: string,
  keyMarker: string,
  uploadMarker: string,
): Position<string> {
  if (uploadMarker === '') return { key: keyAfterMarker(keyMarker, prefix, delimiter), within: null };
  if (compareKeys(keyMarker, prefix) < 0) return { key: prefix, within: null };
  return { key: keyMarker, within: justAfter(uploadMarker) };
}

function uploadNode(upload: Upload, encode: (key: string) => string): XmlNode {
  return [
    'Upload',
    [
      ['Key', encode(upload.key)],
      ['UploadId', upload.uploadId],
      initiatorElement,
      ownerElement,
      ['StorageClass', upload.description.storageClass],
      ['Initiated', new Date(upload.initiatedMs).toISOString()],
      ['ChecksumAlgorithm', upload.checksum?.algorithm],
      ['ChecksumType', upload.checksum?.type],
    ],
  ];
}

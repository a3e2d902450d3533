import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { ListPage, ListRequest, ObjectRef, PendingUpload } from '../model/object-store.js';
import { request, type S3Context, type Send } from './context.js';
import { directList } from './direct/direct-list.js';
import { type Attempt, translate } from './errors/translate.js';
import type { ExchangeOptions } from './http/exchange.js';
import { decodeListed } from './listed-name.js';

/** Returns one page of ListObjectsV2. Throws `not-found` when there is no such bucket. */
export async function listObjects(context: S3Context, call: Call, wanted: ListRequest): Promise<ListPage> {
  const isDirect = await context.direct.canReach(call, wanted.bucket);
  const attempt = bucketAttempt('ListObjectsV2', wanted.bucket, 's3:ListBucket');
  const page = await request(
    context,
    call,
    (sent) => (isDirect ? directList(context.direct, wanted, sent) : listBySdk(context, wanted, sent)),
    attempt,
    { does: 'other' },
  );
  if (page === null) throw noBucket(wanted.bucket);
  return page;
}

async function listBySdk(
  { client }: S3Context,
  wanted: ListRequest,
  options: ExchangeOptions,
): Promise<ListPage> {
  const command = new ListObjectsV2Command({
    Bucket: wanted.bucket,
    Prefix: wanted.prefix,
    EncodingType: 'url',
    ...(wanted.delimiter === null ? {} : { Delimiter: wanted.delimiter }),
    ...(wanted.startAfter === undefined ? {} : { StartAfter: wanted.startAfter }),
    ...(wanted.continuation === undefined ? {} : { ContinuationToken: wanted.continuation }),
    ...(wanted.maxKeys === undefined ? {} : { MaxKeys: Math.min(wanted.maxKeys, 1000) }),
  });
  const answer = await client.send(command, options);
  if (answer.Name === undefined) throw notAListing(wanted.bucket);
  const decode = answer.EncodingType === 'url' ? decodeListed : (text: string) => text;
  return {
    objects: (answer.Contents ?? []).map((object) => ({
      key: decode(object.Key ?? ''),
      size: object.Size ?? 0,
      etag: object.ETag ?? '',
      lastModifiedMs: object.LastModified?.getTime() ?? 0,
    })),
    prefixes: (answer.CommonPrefixes ?? []).map((prefix) => decode(prefix.Prefix ?? '')),
    continuation: answer.IsTruncated ? (answer.NextContinuationToken ?? null) : null,
  };
}

/** Returns every multipart upload below the prefix that is neither completed nor aborted. */
export async function listUploads(
  context: S3Context,
  call: Call,
  bucket: string,
  prefix: string,
): Promise<readonly PendingUpload[]> {
  const attempt = bucketAttempt('ListMultipartUploads', bucket, 's3:ListBucketMultipartUploads');
  const uploads: PendingUpload[] = [];
  let marker: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const command = new ListMultipartUploadsCommand({
      Bucket: bucket,
      Prefix: prefix,
      EncodingType: 'url',
      ...marker,
    });
    const answer = await request(context, call, (sent) => context.client.send(command, sent), attempt, {
      does: 'other',
    });
    if (answer === null) throw noBucket(bucket);
    if (answer.Bucket === undefined) throw notAListing(bucket);
    const page = (answer.Uploads ?? []).map((upload) => ({
      // Ceph encodes the names as requested, but omits EncodingType from its answer.
      key: decodeListed(upload.Key ?? ''),
      uploadId: upload.UploadId ?? '',
      initiatedMs: upload.Initiated?.getTime() ?? 0,
    }));
    uploads.push(...page);
    const last = page.at(-1);
    if (!answer.IsTruncated || last === undefined) return uploads;
    // The last entry, and not S3's own markers, whose encoding differs between servers.
    marker = { KeyMarker: last.key, UploadIdMarker: last.uploadId };
  }
}

/** Aborts one multipart upload. Absence is not a fault. */
export async function abortUpload(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  uploadId: string,
): Promise<void> {
  const attempt: Attempt = {
    operation: 'AbortMultipartUpload',
    ...ref,
    permission: 's3:AbortMultipartUpload',
  };
  const command = new AbortMultipartUploadCommand({ Bucket: ref.bucket, Key: ref.key, UploadId: uploadId });
  const send: Send<unknown> = async (options) => {
    try {
      return await context.client.send(command, options);
    } catch (error) {
      if (translate(error, attempt).kind === 'no-upload') return null;
      throw error;
    }
  };
  await request(context, call, send, attempt, { does: 'other' });
}

export function bucketAttempt(operation: string, bucket: string, permission: string): Attempt {
  return { operation, bucket, key: null, permission };
}

/** Returns the fault for a 2xx answer that is not a listing: an empty one must not mean "nothing there". */
export function notAListing(bucket: string): Fault {
  return new Fault('unavailable', `S3 answered for bucket "${bucket}" with something other than a listing`);
}

export function noBucket(bucket: string): Fault {
  return new Fault('not-found', `there is no bucket "${bucket}"; create it or correct the setting`);
}

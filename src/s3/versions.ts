import { ListObjectVersionsCommand, type ListObjectVersionsCommandOutput } from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { ListedVersion, VersionPage, VersionsRequest } from '../model/object-versions.js';
import { request, type S3Context } from './context.js';
import { decodeListed } from './listed-name.js';
import { bucketAttempt, noBucket, notAListing } from './listing.js';
import { versionOf } from './object-info.js';

/** Returns one page of versions. */
export async function listVersions(
  context: S3Context,
  call: Call,
  wanted: VersionsRequest,
): Promise<VersionPage> {
  let page = await onePage(context, call, wanted);
  if (wanted.next?.versionIdMarker !== '') return page;
  // After a key marker without a version, AWS continues with the next key. Ceph first lists the versions of
  // that key, possibly several pages.
  const { keyMarker } = wanted.next;
  while (page.next?.keyMarker === keyMarker) {
    page = await onePage(context, call, { ...wanted, next: page.next });
  }
  return { ...page, versions: page.versions.filter(({ key }) => key !== keyMarker) };
}

/** Sends one ListObjectVersions. */
async function onePage(context: S3Context, call: Call, wanted: VersionsRequest): Promise<VersionPage> {
  const { keyMarker, versionIdMarker } = wanted.next ?? { keyMarker: '', versionIdMarker: '' };
  const command = new ListObjectVersionsCommand({
    Bucket: wanted.bucket,
    Prefix: wanted.prefix,
    EncodingType: 'url',
    ...(keyMarker === '' ? {} : { KeyMarker: keyMarker }),
    ...(versionIdMarker === '' ? {} : { VersionIdMarker: versionIdMarker }),
    ...(wanted.maxKeys === undefined ? {} : { MaxKeys: Math.min(wanted.maxKeys, 1000) }),
  });
  const attempt = bucketAttempt('ListObjectVersions', wanted.bucket, 's3:ListBucketVersions');
  const answer = await request(context, call, (sent) => context.client.send(command, sent), attempt, {
    does: 'other',
  });
  if (answer === null) throw noBucket(wanted.bucket);
  if (answer.Name === undefined) throw notAListing(wanted.bucket);
  const decode = answer.EncodingType === 'url' ? decodeListed : (text: string) => text;
  const versions = inOrder(versionsOf(answer, decode), markersOf(answer, decode));
  return { versions, next: nextOf(answer, decode, versions.at(-1)?.key ?? null) };
}

type Decode = (text: string) => string;

function versionsOf(answer: ListObjectVersionsCommandOutput, decode: Decode): readonly ListedVersion[] {
  return (answer.Versions ?? []).map((version) => ({
    key: decode(version.Key ?? ''),
    versionId: versionOf(version.VersionId),
    isLatest: version.IsLatest ?? false,
    isDeleteMarker: false,
    size: version.Size ?? 0,
    etag: version.ETag ?? '',
    lastModifiedMs: version.LastModified?.getTime() ?? 0,
  }));
}

function markersOf(answer: ListObjectVersionsCommandOutput, decode: Decode): readonly ListedVersion[] {
  return (answer.DeleteMarkers ?? []).map((marker) => ({
    key: decode(marker.Key ?? ''),
    versionId: versionOf(marker.VersionId),
    isLatest: marker.IsLatest ?? false,
    isDeleteMarker: true,
    size: 0,
    etag: '',
    lastModifiedMs: marker.LastModified?.getTime() ?? 0,
  }));
}

/** Merges versions and delete markers, which the SDK separates, into the order of the answer. */
function inOrder(versions: readonly ListedVersion[], markers: readonly ListedVersion[]): ListedVersion[] {
  const merged: ListedVersion[] = [];
  let at = 0;
  for (const marker of markers) {
    for (let next = versions[at]; next !== undefined && comesBefore(next, marker); next = versions[at]) {
      merged.push(next);
      at += 1;
    }
    merged.push(marker);
  }
  return [...merged, ...versions.slice(at)];
}

function comesBefore(version: ListedVersion, marker: ListedVersion): boolean {
  const order = Buffer.compare(Buffer.from(version.key), Buffer.from(marker.key));
  if (order !== 0) return order < 0;
  if (version.isLatest !== marker.isLatest) return version.isLatest;
  return version.lastModifiedMs > marker.lastModifiedMs;
}

/** Returns the next markers. Some servers encode a page's names but not its marker, which is its last key. */
function nextOf(
  answer: ListObjectVersionsCommandOutput,
  decode: Decode,
  lastKey: string | null,
): VersionPage['next'] {
  const { NextKeyMarker: marker, NextVersionIdMarker: versionIdMarker = '' } = answer;
  if (!answer.IsTruncated || marker === undefined) return null;
  return { keyMarker: marker === lastKey ? marker : decode(marker), versionIdMarker };
}

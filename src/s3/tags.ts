import { GetObjectTaggingCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import { keyTagName, type ObjectRef, type ObjectTagSet } from '../model/object-store.js';
import { request, type S3Context } from './context.js';
import { leanCall, parseXml, rememberingLast } from './direct/lean-calls.js';
import type { Attempt } from './errors/translate.js';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
export const mostTags = 10;

/** What a new object under this encryption is tagged with: the fingerprint of its customer key, or nothing. */
export function keyTags(context: S3Context, encryption: WriteEncryption): ObjectTagSet {
  return context.keyTags && encryption.kind === 'sse-c' ? { [keyTagName]: encryption.key.fingerprint } : {};
}

/**
 * The tags of a copy: those of its source, but that of the key, which is the target's own. A source with ten tags of its own
 * leaves no room for it: then the copy goes without, as far as tags are concerned.
 */
export function tagsOfCopy(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  source: ObjectTagSet,
  encryption: WriteEncryption,
): ObjectTagSet {
  const { [keyTagName]: sourceKey, ...others } = source;
  // Tags that are switched off are not written; one that is true of the copy is not taken away either.
  const isStillTrue = encryption.kind === 'sse-c' && encryption.key.fingerprint === sourceKey;
  const own = isStillTrue ? { [keyTagName]: sourceKey } : keyTags(context, encryption);
  if (Object.keys(others).length + Object.keys(own).length <= mostTags) return { ...others, ...own };
  call.log.warn('an object has ten tags already: its copy bears none that names its key', {
    bucket: from.bucket,
    key: from.key,
  });
  return others;
}

/** As the header x-amz-tagging wants them. Not URLSearchParams: its `+` for a space stays a plus at Ceph. */
export function taggingHeader(tags: ObjectTagSet): string {
  return Object.entries(tags)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}

/** For PutObject and CreateMultipartUpload. */
export function taggingInput(tags: ObjectTagSet): { Tagging?: string } {
  return Object.keys(tags).length === 0 ? {} : { Tagging: taggingHeader(tags) };
}

/** What a write that sends tags has to be allowed besides, or what to do without. */
export function tagPermission(tags: ObjectTagSet): string {
  return keyTagName in tags ? ` and s3:PutObjectTagging (or set ledger.tags=no)` : '';
}

/** Null when there is no such object or version. */
export async function getTags(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  versionId: string | undefined,
): Promise<ObjectTagSet | null> {
  const asked = { method: 'GET', subresource: 'tagging', headers: {} } as const;
  const quick = versionId === undefined ? await leanCall(context, call, ref, asked) : null;
  const told = quick ? tagsOfXml(quick.text) : null;
  if (told !== null) return told;
  const command = new GetObjectTaggingCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
  });
  const attempt: Attempt = {
    operation: 'GetObjectTagging',
    ...ref,
    permission: versionId === undefined ? 's3:GetObjectTagging' : 's3:GetObjectVersionTagging',
  };
  const answer = await request(context, call, (sent) => context.client.send(command, sent), attempt, {
    does: 'other',
  });
  if (answer === null) return null;
  return Object.fromEntries((answer.TagSet ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
}

interface TaggingDocument {
  readonly Tagging?: {
    readonly TagSet?:
      | { readonly Tag?: readonly { readonly Key?: string; readonly Value?: string }[] }
      | string;
  };
}

/** Pure. Null for what is no such answer. */
export const tagsOfXml = rememberingLast((text): ObjectTagSet | null => {
  const set = (parseXml(text, ['Tag']) as TaggingDocument).Tagging?.TagSet;
  if (set === undefined) return null;
  const tags = typeof set === 'string' ? [] : (set.Tag ?? []);
  return Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value]));
});

/** Replaces all tags. Throws `not-found`. */
export async function putTags(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  tags: ObjectTagSet,
  versionId: string | undefined,
): Promise<void> {
  const command = new PutObjectTaggingCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
    Tagging: { TagSet: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) },
  });
  const attempt: Attempt = {
    operation: 'PutObjectTagging',
    ...ref,
    permission: versionId === undefined ? 's3:PutObjectTagging' : 's3:PutObjectVersionTagging',
  };
  const answer = await request(context, call, (sent) => context.client.send(command, sent), attempt, {
    does: 'other',
  });
  if (answer !== null) return;
  throw new Fault('not-found', `there is no object "${ref.key}" in bucket "${ref.bucket}" to tag`);
}

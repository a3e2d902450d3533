import { GetObjectTaggingCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import { keyTagName, type ObjectRef, type ObjectTagSet, type WriteOptions } from '../model/object-store.js';
import { request, type S3Context } from './context.js';
import { directText } from './direct/direct-text.js';
import type { Attempt } from './errors/translate.js';
import { parseXml, rememberingLast } from './xml.js';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
export const maxTags = 10;

/** Returns the tags of a new object under this encryption: the fingerprint of its customer key, or none. */
export function keyTags(context: S3Context, encryption: WriteEncryption): ObjectTagSet {
  return context.keyTags && encryption.kind === 'sse-c' ? { [keyTagName]: encryption.key.fingerprint } : {};
}

/** Returns all tags of a new object: those of its options, and the fingerprint of its customer key. */
export function tagsOfWrite(
  context: S3Context,
  { tags = {}, encryption }: Pick<WriteOptions, 'tags' | 'encryption'>,
): ObjectTagSet {
  return { ...tags, ...keyTags(context, encryption) };
}

/**
 * Returns the tags of a copy: those of its source, with the key tag replaced by the target's own. If the
 * source already has ten other tags, the copy gets no key tag, and a warning is logged.
 */
export function tagsOfCopy(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  source: ObjectTagSet,
  encryption: WriteEncryption,
): ObjectTagSet {
  const { [keyTagName]: sourceKey, ...others } = source;
  // With key tags switched off none is added, but one that is still true is not removed either.
  const isStillTrue = encryption.kind === 'sse-c' && encryption.key.fingerprint === sourceKey;
  const own = isStillTrue ? { [keyTagName]: sourceKey } : keyTags(context, encryption);
  if (Object.keys(others).length + Object.keys(own).length <= maxTags) return { ...others, ...own };
  call.log.warn('a copy has no key tag because its source already has ten tags', {
    bucket: from.bucket,
    key: from.key,
  });
  return others;
}

/**
 * Returns tags for the header x-amz-tagging. Ceph would keep the `+` that URLSearchParams writes for a space.
 */
export function taggingHeader(tags: ObjectTagSet): string {
  return Object.entries(tags)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}

/** Returns tags as a field of PutObject, CreateMultipartUpload or CopyObject. */
export function taggingInput(tags: ObjectTagSet): { Tagging?: string } {
  return Object.keys(tags).length === 0 ? {} : { Tagging: taggingHeader(tags) };
}

/** Returns the permission that a write with a key tag needs as well, or how to do without. */
export function tagPermission(tags: ObjectTagSet): string {
  return keyTagName in tags ? ` and s3:PutObjectTagging (or set ledger.tags=no)` : '';
}

/** Returns all tags of an object. Null when there is no such object or version. */
export async function getTags(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  versionId: string | undefined,
): Promise<ObjectTagSet | null> {
  const version = versionId === undefined ? {} : { versionId };
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
  const isDirect = await context.direct.canReach(call, ref.bucket);
  return request(
    context,
    call,
    async (sent) => {
      if (!isDirect) return tagSetOf((await context.client.send(command, sent)).TagSet ?? []);
      const wanted = { method: 'GET', ...ref, query: { tagging: '', ...version } } as const;
      const tags = tagsOfXml((await directText(context.direct, wanted, sent)).text);
      if (tags === null)
        throw new Fault('unavailable', `S3 sent something other than the tags of "${ref.key}"`);
      return tags;
    },
    attempt,
    { does: 'other' },
  );
}

function tagSetOf(
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[],
): ObjectTagSet {
  return Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value]));
}

interface TaggingDocument {
  readonly Tagging?: {
    readonly TagSet?:
      | { readonly Tag?: readonly { readonly Key?: string; readonly Value?: string }[] }
      | string;
  };
}

/** Reads the answer to GetObjectTagging. Pure. Null when it is not one. */
export const tagsOfXml = rememberingLast((text): ObjectTagSet | null => {
  const set = (parseXml(text, ['Tag']) as TaggingDocument).Tagging?.TagSet;
  if (set === undefined) return null;
  return tagSetOf(typeof set === 'string' ? [] : (set.Tag ?? []));
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

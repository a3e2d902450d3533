import { CopyObjectCommand, type CopyObjectCommandInput } from '@aws-sdk/client-s3';
import type { ObjectTagSet, WriteOptions } from '../../model/object-store.js';
import { algorithmInput, wholeChecksum } from '../checksum-headers.js';
import { request } from '../context.js';
import { checkWriteEcho, sourceInput, writeInput } from '../encryption-headers.js';
import { quotedEtag, versionOf } from '../object-info.js';
import { conditionInput, describeTarget } from '../object-writes.js';
import { taggingInput } from '../tags.js';
import {
  type Copied,
  type CopyJob,
  copyAlgorithm,
  copyAttempt,
  copySource,
  type Description,
  descriptionOf,
  isOntoItself,
  targetTags,
} from './copy-source.js';

type Condition = Pick<WriteOptions, 'onlyIfAbsent' | 'onlyIfMatches'>;

/**
 * Sends one CopyObject, up to the size that S3 copies in one request. Null when the source is gone, or a
 * conditional target.
 */
export async function copyAtOnce(job: CopyJob, condition: Condition): Promise<Copied | null> {
  const { context, call, to, options } = job;
  const tags = await targetTags(job);
  const command = new CopyObjectCommand({
    Bucket: to.bucket,
    Key: to.key,
    CopySource: copySource(job),
    ...(options.sourceEtag === undefined ? {} : { CopySourceIfMatch: options.sourceEtag }),
    ...conditionInput({ ...options, onlyIfAbsent: false, ...condition }),
    ...describeCopy(job, tags),
    ...(context.checksums === 'none' ? {} : { ChecksumAlgorithm: algorithmInput[copyAlgorithm(job)] }),
    ...sourceInput(options.sourceAccess),
    ...writeInput(options.encryption),
  });
  const answer = await request(
    context,
    call,
    (sent) => context.client.send(command, sent),
    copyAttempt('CopyObject', job, tags),
    { does: 'write', ref: to, encryption: options.encryption, ifAbsent: condition.onlyIfAbsent ?? false },
    { idleTimeoutMs: context.slowAnswerTimeoutMs },
  );
  if (answer === null) return null;
  checkWriteEcho(to, options.encryption, answer);
  const result = answer.CopyObjectResult;
  const versionId = versionOf(answer.VersionId);
  return {
    etag: quotedEtag(result?.ETag),
    versionId,
    namesVersion: versionId !== null || context.copyConditions.areHonoured === true,
    checksum: wholeChecksum(result),
  };
}

type CopyDescription = Description &
  Pick<CopyObjectCommandInput, 'ACL' | 'MetadataDirective' | 'Tagging' | 'TaggingDirective'>;

/**
 * Sends metadata and tags either both or not at all: Ceph 20 treats the tags like the metadata, whatever
 * x-amz-tagging-directive is. A copy of an object onto itself sends them too, because Ceph refuses a copy
 * that changes the key only.
 */
function describeCopy(job: CopyJob, tags: ObjectTagSet): CopyDescription {
  const { options, source } = job;
  const { ACL } = describeTarget(options);
  const acl = ACL === undefined ? {} : { ACL };
  const ontoItself = isOntoItself(job);
  const hasTags = (source.TagCount ?? 0) > 0 || Object.keys(tags).length > 0;
  if (options.metadataFrom === 'copy' && !ontoItself && !hasTags) {
    return { ...acl, MetadataDirective: 'COPY', TaggingDirective: 'COPY' };
  }
  const description =
    options.metadataFrom === 'options' ? describeTarget(options) : descriptionOf(source, ontoItself);
  return {
    ...acl,
    ...description,
    MetadataDirective: 'REPLACE',
    TaggingDirective: 'REPLACE',
    ...taggingInput(tags),
  };
}

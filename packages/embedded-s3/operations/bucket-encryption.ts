import { invalidArgument, malformedXml } from '../errors.js';
import { type Answer, emptyAnswer, xmlAnswer } from '../http/answer.js';
import type { BucketRequest } from '../http/request.js';
import { receiveDocument } from '../payload.js';
import type { BucketEncryption } from '../storage/records.js';
import { parseXml, type XmlReader } from '../xml.js';
import { requireBucket, type ServerContext } from './context.js';

/**
 * GetBucketEncryption. Like AWS since April 2026, it always returns the blocked encryption types.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html
 */
export async function getBucketEncryption(server: ServerContext, request: BucketRequest): Promise<Answer> {
  const { encryption, blocksSseC } = requireBucket(server, request.bucket);
  return xmlAnswer('ServerSideEncryptionConfiguration', [
    [
      'Rule',
      [
        [
          'ApplyServerSideEncryptionByDefault',
          [
            ['SSEAlgorithm', encryption.algorithm],
            ['KMSMasterKeyID', encryption.keyArn],
          ],
        ],
        ['BucketKeyEnabled', encryption.bucketKey],
        ['BlockedEncryptionTypes', [['EncryptionType', blocksSseC ? 'SSE-C' : 'NONE']]],
      ],
    ],
  ]);
}

/**
 * PutBucketEncryption. A rule without blocked encryption types does not change them.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html
 */
export async function putBucketEncryption(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const document = parseXml(await receiveDocument(request), 'ServerSideEncryptionConfiguration');
  const rules = document.all('Rule');
  const rule = rules[0];
  if (rule === undefined || rules.length > 1) throw malformedXml();
  const encryption = parseDefault(rule);
  const blocksSseC = parseBlocked(rule);
  await server.store.change(() => {
    const bucket = requireBucket(server, request.bucket);
    server.store.buckets.setEncryption(request.bucket, encryption, blocksSseC ?? bucket.blocksSseC);
  });
  return emptyAnswer(200);
}

/** DeleteBucketEncryption: resets the default to SSE-S3 and keeps the blocked encryption types. */
export async function deleteBucketEncryption(server: ServerContext, request: BucketRequest): Promise<Answer> {
  await server.store.change(() => {
    const { blocksSseC } = requireBucket(server, request.bucket);
    const encryption: BucketEncryption = { algorithm: 'AES256', keyArn: null, bucketKey: false };
    server.store.buckets.setEncryption(request.bucket, encryption, blocksSseC);
  });
  return emptyAnswer(204);
}

function parseDefault(rule: XmlReader): BucketEncryption {
  const byDefault = rule.child('ApplyServerSideEncryptionByDefault');
  const bucketKey = rule.text('BucketKeyEnabled')?.trim() === 'true';
  if (byDefault === null) return { algorithm: 'AES256', keyArn: null, bucketKey };
  const algorithm = byDefault.text('SSEAlgorithm')?.trim() ?? '';
  const keyArn = byDefault.text('KMSMasterKeyID')?.trim() || null;
  if (algorithm !== 'AES256' && algorithm !== 'aws:kms' && algorithm !== 'aws:kms:dsse') throw malformedXml();
  if (algorithm === 'AES256' && keyArn !== null) {
    throw invalidArgument(
      'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse',
      'ApplyServerSideEncryptionByDefault',
      algorithm,
    );
  }
  return { algorithm, keyArn, bucketKey };
}

/**
 * Returns true if the rule blocks SSE-C, false for NONE, null if it does not mention it. Throws
 * MalformedXML.
 */
function parseBlocked(rule: XmlReader): boolean | null {
  const blocked = rule.child('BlockedEncryptionTypes');
  if (blocked === null) return null;
  const types = blocked.all('EncryptionType').map((type) => type.own().trim());
  if (types.some((type) => type !== 'SSE-C' && type !== 'NONE')) throw malformedXml();
  if (types.includes('SSE-C') && types.includes('NONE')) throw malformedXml();
  return types.includes('SSE-C');
}

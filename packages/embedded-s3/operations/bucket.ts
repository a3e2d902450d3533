import { ownerElement, renderAcl } from '../acl.js';
import {
  bucketAlreadyOwnedByYou,
  bucketNotEmpty,
  invalidArgument,
  invalidBucketName,
  malformedXml,
  notImplemented,
  S3Error,
} from '../errors.js';
import { isBucketName } from '../http/addressing.js';
import { type Answer, emptyAnswer, xmlAnswer } from '../http/answer.js';
import type { BucketRequest, S3Request } from '../http/request.js';
import { receiveDocument } from '../payload.js';
import type { BucketEncryption } from '../storage/records.js';
import { parseXml, type XmlNode } from '../xml.js';
import { integerParameter, requireBucket, type ServerContext } from './context.js';

const defaultEncryption: BucketEncryption = { algorithm: 'AES256', keyArn: null, bucketKey: false };

/**
 * Creates a bucket, which does not block SSE-C, unlike AWS's new ones. Returns false if it exists.
 * Throws InvalidBucketName.
 */
export async function makeBucket(server: ServerContext, name: string): Promise<boolean> {
  if (!isBucketName(name)) throw invalidBucketName(name);
  return await server.store.change(() =>
    server.store.buckets.create(name, server.nowMs(), defaultEncryption),
  );
}

/** CreateBucket. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html */
export async function createBucket(server: ServerContext, request: BucketRequest): Promise<Answer> {
  const { headers } = request;
  if ((headers['x-amz-bucket-object-lock-enabled'] ?? 'false').toLowerCase() !== 'false') {
    throw notImplemented('Object Lock');
  }
  if ((headers['x-amz-acl'] ?? 'private') !== 'private') {
    throw notImplemented('A canned ACL other than "private" for a bucket');
  }
  const document = await receiveDocument(request);
  if (document.byteLength > 0) {
    const configuration = parseXml(document, 'CreateBucketConfiguration');
    configuration.refuseOthers(['LocationConstraint']);
    const location = configuration.text('LocationConstraint')?.trim() ?? '';
    if (location !== '' && location !== server.region) {
      throw new S3Error(
        'IllegalLocationConstraintException',
        400,
        `The ${location} location constraint is incompatible for the region specific endpoint this request was sent to.`,
      );
    }
  }
  const isNew = await makeBucket(server, request.bucket);
  // AWS lets an owner create the same bucket twice only in us-east-1.
  if (!isNew && server.region !== 'us-east-1') throw bucketAlreadyOwnedByYou({ BucketName: request.bucket });
  return emptyAnswer(200, { location: `/${request.bucket}` });
}

/** HeadBucket. https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html */
export async function headBucket(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  return emptyAnswer(200, { 'x-amz-bucket-region': server.region, 'x-amz-access-point-alias': 'false' });
}

/** DeleteBucket. https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html */
export async function deleteBucket(server: ServerContext, request: BucketRequest): Promise<Answer> {
  const orphans = await server.store.change(() => {
    requireBucket(server, request.bucket);
    if (!server.store.buckets.isEmpty(request.bucket)) throw bucketNotEmpty({ BucketName: request.bucket });
    const bodies = server.store.uploads.removeAllOf(request.bucket);
    server.store.buckets.remove(request.bucket);
    return bodies;
  });
  server.store.discard(orphans);
  return emptyAnswer(204);
}

const maxBucketsPerPage = 10_000;

/**
 * ListBuckets, in pages if the request bounds them. A continuation token is the last name of a page.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
 */
export async function listBuckets(server: ServerContext, request: S3Request): Promise<Answer> {
  const { query } = request;
  const prefix = query.get('prefix') ?? '';
  const token = query.get('continuation-token');
  const after = token === null ? '' : Buffer.from(token, 'base64url').toString();
  if (token !== null && !isBucketName(after)) {
    throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
  }
  const isHere = (query.get('bucket-region') ?? server.region) === server.region;
  const limit = integerParameter(request, 'max-buckets', {
    min: 1,
    max: maxBucketsPerPage,
    absent: maxBucketsPerPage,
  });
  const matching = server.store.buckets
    .list()
    .filter(({ name }) => isHere && name.startsWith(prefix) && name > after);
  const page = matching.slice(0, limit);
  const last = matching.length > page.length ? page.at(-1) : undefined;
  const buckets = page.map(
    ({ name, createdMs }): XmlNode => [
      'Bucket',
      [
        ['Name', name],
        ['CreationDate', new Date(createdMs).toISOString()],
        ['BucketRegion', server.region],
      ],
    ],
  );
  return xmlAnswer('ListAllMyBucketsResult', [
    ownerElement,
    ['Buckets', buckets],
    ['ContinuationToken', last === undefined ? null : Buffer.from(last.name).toString('base64url')],
    ['Prefix', query.has('prefix') ? prefix : null],
  ]);
}

/** GetBucketLocation. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html */
export async function getBucketLocation(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  // The text of the document is the region; an empty one means us-east-1.
  const region = server.region === 'us-east-1' ? '' : server.region;
  const text = xmlAnswer('LocationConstraint', []);
  if (region === '' || text.body.kind !== 'xml') return text;
  const document = text.body.text.replace(/\/>$/, `>${region}</LocationConstraint>`);
  return { ...text, body: { kind: 'xml', text: document } };
}

/**
 * GetBucketAcl: buckets are private.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html
 */
export async function getBucketAcl(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  return xmlAnswer('AccessControlPolicy', renderAcl('private'));
}

/** GetBucketVersioning. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html */
export async function getBucketVersioning(server: ServerContext, request: BucketRequest): Promise<Answer> {
  const { versioning } = requireBucket(server, request.bucket);
  return xmlAnswer('VersioningConfiguration', [['Status', versioning === 'never' ? null : versioning]]);
}

/** PutBucketVersioning. https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html */
export async function putBucketVersioning(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const document = parseXml(await receiveDocument(request), 'VersioningConfiguration');
  document.refuseOthers(['Status', 'MfaDelete']);
  const status = document.text('Status')?.trim();
  if (status !== 'Enabled' && status !== 'Suspended') {
    throw new S3Error(
      'IllegalVersioningConfigurationException',
      400,
      'The Versioning element must be specified',
    );
  }
  if (document.text('MfaDelete')?.trim() === 'Enabled') throw malformedXml();
  await server.store.change(() => {
    requireBucket(server, request.bucket);
    server.store.buckets.setVersioning(request.bucket, status);
  });
  return emptyAnswer(200);
}

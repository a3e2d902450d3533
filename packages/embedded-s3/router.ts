import { methodNotAllowed, notImplemented } from './errors.js';
import type { Answer } from './http/answer.js';
import type { BucketRequest, ObjectRequest, S3Request } from './http/request.js';
import * as bucket from './operations/bucket.js';
import * as encryption from './operations/bucket-encryption.js';
import * as notification from './operations/bucket-notification.js';
import { completeMultipartUpload } from './operations/complete-upload.js';
import type { Operation, ServerContext } from './operations/context.js';
import { copyObject } from './operations/copy-object.js';
import { deleteObject, deleteObjects } from './operations/delete-object.js';
import { getObject, headObject } from './operations/get-object.js';
import {
  bucketInputs,
  checkExpectedOwners,
  type Inputs,
  objectInputs,
  refuseUnknownInputs,
  serviceInputs,
} from './operations/inputs.js';
import { listObjectsV1, listObjectsV2 } from './operations/list-objects.js';
import { listMultipartUploads } from './operations/list-uploads.js';
import { listObjectVersions } from './operations/list-versions.js';
import { abortMultipartUpload, createMultipartUpload, listParts } from './operations/multipart-upload.js';
import * as description from './operations/object-description.js';
import { putObject } from './operations/put-object.js';
import { uploadPart, uploadPartCopy } from './operations/upload-part.js';

/** Operations on a bucket, by method and sub-resource: the name in the query that selects the operation. */
const bucketOperations: Readonly<Record<string, Operation<BucketRequest>>> = {
  GET: listObjectsV1,
  'GET list-type': listObjectsV2,
  'GET versions': listObjectVersions,
  'GET uploads': listMultipartUploads,
  'GET location': bucket.getBucketLocation,
  'GET versioning': bucket.getBucketVersioning,
  'GET encryption': encryption.getBucketEncryption,
  'GET acl': bucket.getBucketAcl,
  'GET notification': notification.getBucketNotification,
  HEAD: bucket.headBucket,
  PUT: bucket.createBucket,
  'PUT versioning': bucket.putBucketVersioning,
  'PUT encryption': encryption.putBucketEncryption,
  'PUT notification': notification.putBucketNotification,
  'POST delete': deleteObjects,
  DELETE: bucket.deleteBucket,
  'DELETE encryption': encryption.deleteBucketEncryption,
};

const objectOperations: Readonly<Record<string, Operation<ObjectRequest>>> = {
  GET: getObject,
  'GET uploadId': listParts,
  'GET tagging': description.getObjectTagging,
  'GET acl': description.getObjectAcl,
  'GET attributes': description.getObjectAttributes,
  HEAD: headObject,
  PUT: putObject,
  'PUT copy': copyObject,
  'PUT uploadId': uploadPart,
  'PUT uploadId copy': uploadPartCopy,
  'PUT tagging': description.putObjectTagging,
  'PUT acl': description.putObjectAcl,
  'POST uploads': createMultipartUpload,
  'POST uploadId': completeMultipartUpload,
  DELETE: deleteObject,
  'DELETE uploadId': abortMultipartUpload,
  'DELETE tagging': description.deleteObjectTagging,
};

/**
 * Every sub-resource of S3. A request with one that no operation above handles is refused, instead
 * of being treated as the plain request.
 */
const subresources = new Set(
  `accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle list-type
   location logging metadataConfiguration metadataTable metrics notification object-lock ownershipControls policy
   policyStatus publicAccessBlock renameObject replication requestPayment restore retention select session tagging
   torrent uploadId uploads versioning versions website`.split(/\s+/),
);

const methods = new Set(['GET', 'HEAD', 'PUT', 'POST', 'DELETE']);

/** Runs the operation that a request names. Throws NotImplemented for one that this server does not have. */
export async function route(server: ServerContext, request: S3Request): Promise<Answer> {
  const { method } = request;
  if (!methods.has(method)) throw methodNotAllowed({ Method: method });
  if (hasBucket(request)) {
    const name = operationName(request);
    const operation = hasKey(request) ? objectOperations[name] : bucketOperations[name];
    const inputs = hasKey(request) ? objectInputs[name] : bucketInputs[name];
    if (operation === undefined || inputs === undefined) throw notImplemented(`The operation "${name}"`);
    accept(server, request, name, inputs);
    return hasKey(request)
      ? await (operation as Operation<ObjectRequest>)(server, request)
      : await (operation as Operation<BucketRequest>)(server, request);
  }
  if (method !== 'GET') throw methodNotAllowed({ Method: method });
  accept(server, request, 'GET', serviceInputs);
  return await bucket.listBuckets(server, request);
}

/** Throws for everything in a request that its operation would otherwise ignore. */
function accept(server: ServerContext, request: S3Request, operation: string, inputs: Inputs): void {
  refuseUnknownInputs(request, operation, inputs);
  checkExpectedOwners(server, request);
}

function operationName(request: S3Request): string {
  const { method, query, headers } = request;
  const isCopy = method === 'PUT' && request.key !== null && headers['x-amz-copy-source'] !== undefined;
  const subresource = [...query.keys()].find((name) => subresources.has(name));
  return [method, subresource, isCopy ? 'copy' : undefined].filter((word) => word !== undefined).join(' ');
}

function hasBucket(request: S3Request): request is BucketRequest {
  return request.bucket !== null;
}

function hasKey(request: BucketRequest): request is ObjectRequest {
  return request.key !== null;
}

import type { Call } from '../model/call.js';
import type { ChecksumAlgorithm } from '../model/checksum.js';
import type { CannedAcl, ReadAccess } from '../model/encryption.js';
import type {
  ByteRange,
  CopiedObject,
  CopyOptions,
  ListPage,
  ListRequest,
  ObjectAcls,
  ObjectBody,
  ObjectInfo,
  ObjectRef,
  ObjectStore,
  ObjectTagSet,
  ObjectTags,
  PartUpload,
  PendingUpload,
  ReadCondition,
  RemovalCondition,
  ReplayableBody,
  UploadSweeper,
  WriteOptions,
  WrittenObject,
} from '../model/object-store.js';
import type { ObjectVersions, VersionPage, VersionsRequest } from '../model/object-versions.js';
import { getAcl } from './acl.js';
import { beginUpload } from './begin-upload.js';
import { createS3Client } from './client.js';
import { putConditionally } from './conditional-put.js';
import { createContext, type S3Context } from './context.js';
import { copyObject } from './copy/copy.js';
import { abortUpload, listObjects, listUploads } from './listing.js';
import { removeObject } from './object-writes.js';
import type { S3StoreOptions } from './options.js';
import { S3PartUpload } from './part-upload.js';
import { getObject, headObject } from './reads.js';
import { reportChanges } from './reported-changes.js';
import { withRetries } from './retry.js';
import { createRoutedStore } from './routing/routed-store.js';
import type { S3ObjectStore } from './routing/s3-object-store.js';
import { getTags, putTags } from './tags.js';
import { listVersions } from './versions.js';

export type { S3ObjectStore };

/**
 * Creates a store of objects in S3 or a compatible server, with transient faults retried. Throws `invalid`
 * for an endpoint or a CA file that cannot be used. Connects at the first request. With `routes`, the location
 * of an object decides how its requests are sent. With `changes`, every write and removal is reported.
 */
export function createS3ObjectStore(options: S3StoreOptions): S3ObjectStore {
  const { routes, changes } = options;
  const store = routes === undefined ? openStore(options) : createRoutedStore(options, routes, openStore);
  return changes === undefined ? store : reportChanges(store, changes);
}

function openStore(options: S3StoreOptions): S3ObjectStore {
  const connection = createS3Client(options);
  const context = createContext(connection, options);
  const store = withRetries(new SingleAttemptStore(context), options);
  return Object.assign(store, {
    requestsSentBySdk: () => context.direct.sentBySdk,
    async [Symbol.asyncDispose]() {
      connection.client.destroy();
    },
  });
}

/** The store's operations with one attempt each. */
class SingleAttemptStore implements ObjectStore, UploadSweeper, ObjectVersions, ObjectTags, ObjectAcls {
  readonly checksumAlgorithm: ChecksumAlgorithm;
  readonly #context: S3Context;

  constructor(context: S3Context) {
    this.checksumAlgorithm = context.checksumAlgorithm;
    this.#context = context;
  }

  head(call: Call, ref: ObjectRef, access: ReadAccess, versionId?: string): Promise<ObjectInfo | null> {
    return headObject(this.#context, call, ref, access, versionId);
  }

  read(
    call: Call,
    ref: ObjectRef,
    access: ReadAccess,
    range: ByteRange | null,
    condition: ReadCondition = {},
  ): Promise<ObjectBody | null> {
    return getObject(this.#context, call, ref, access, range, condition);
  }

  put(call: Call, ref: ObjectRef, body: ReplayableBody, options: WriteOptions): Promise<WrittenObject> {
    return putConditionally(this.#context, call, ref, body, options);
  }

  beginUpload(call: Call, ref: ObjectRef, options: WriteOptions): Promise<PartUpload> {
    return beginUpload(this.#context, call, ref, options);
  }

  resumeUpload(call: Call, ref: ObjectRef, options: WriteOptions, uploadId: string): PartUpload {
    return new S3PartUpload(this.#context, call, ref, options, uploadId, this.#context.checksumAlgorithm);
  }

  copy(call: Call, from: ObjectRef, to: ObjectRef, options: CopyOptions): Promise<CopiedObject | null> {
    return copyObject(this.#context, call, from, to, options);
  }

  remove(call: Call, ref: ObjectRef, condition: RemovalCondition = {}): Promise<void> {
    return removeObject(this.#context, call, ref, condition);
  }

  list(call: Call, request: ListRequest): Promise<ListPage> {
    return listObjects(this.#context, call, request);
  }

  listUploads(call: Call, bucket: string, prefix: string): Promise<readonly PendingUpload[]> {
    return listUploads(this.#context, call, bucket, prefix);
  }

  abortUpload(call: Call, ref: ObjectRef, uploadId: string): Promise<void> {
    return abortUpload(this.#context, call, ref, uploadId);
  }

  listVersions(call: Call, request: VersionsRequest): Promise<VersionPage> {
    return listVersions(this.#context, call, request);
  }

  getTags(call: Call, ref: ObjectRef, versionId?: string): Promise<ObjectTagSet | null> {
    return getTags(this.#context, call, ref, versionId);
  }

  putTags(call: Call, ref: ObjectRef, tags: ObjectTagSet, versionId?: string): Promise<void> {
    return putTags(this.#context, call, ref, tags, versionId);
  }

  getAcl(call: Call, ref: ObjectRef): Promise<CannedAcl | 'other' | null> {
    return getAcl(this.#context, call, ref);
  }
}

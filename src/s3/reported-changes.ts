import type { ObjectChange, ObjectChanges, ObjectRef, PartUpload } from '../model/object-store.js';
import type { S3ObjectStore } from './routing/s3-object-store.js';

/** Returns the store with every request reported that writes or removes an object. */
export function reportChanges(store: S3ObjectStore, changes: ObjectChanges): S3ObjectStore {
  const reported = async <T>(ref: ObjectRef, change: ObjectChange, request: Promise<T>): Promise<T> => {
    try {
      return await request;
    } finally {
      changes.changed(ref, change);
    }
  };
  const upload = (ref: ObjectRef, begun: PartUpload): PartUpload => ({
    uploadId: begun.uploadId,
    uploadPart: (...part) => begun.uploadPart(...part),
    copyPart: (...part) => begun.copyPart(...part),
    copyRange: (...part) => begun.copyRange(...part),
    complete: (...parts) => reported(ref, 'written', begun.complete(...parts)),
    park: () => begun.park(),
    abort: (call) => begun.abort(call),
    [Symbol.asyncDispose]: () => begun[Symbol.asyncDispose](),
  });
  return {
    ...store,
    put: (call, ref, ...rest) => reported(ref, 'written', store.put(call, ref, ...rest)),
    beginUpload: async (call, ref, ...rest) => upload(ref, await store.beginUpload(call, ref, ...rest)),
    resumeUpload: (call, ref, ...rest) => upload(ref, store.resumeUpload(call, ref, ...rest)),
    copy: (call, from, to, ...rest) => reported(to, 'written', store.copy(call, from, to, ...rest)),
    remove: (call, ref, ...rest) => reported(ref, 'removed', store.remove(call, ref, ...rest)),
  };
}

import type { ObjectAcls, ObjectStore, ObjectTags, UploadSweeper } from '../../model/object-store.js';
import type { ObjectVersions } from '../../model/object-versions.js';

/** The production store. Disposing it closes its connections. */
export type S3ObjectStore = ObjectStore &
  UploadSweeper &
  ObjectVersions &
  ObjectTags &
  ObjectAcls &
  AsyncDisposable & {
    /** How many requests were sent through the SDK because their bucket cannot be reached directly. */
    requestsSentBySdk(): number;
  };

import type { KeyedMutex } from '../concurrency/keyed-mutex.js';
import type { Clock } from '../model/call.js';
import type { IntentId, KeyLedger } from '../model/ledger.js';
import type {
  ObjectInfo,
  ObjectRef,
  ObjectStore,
  ObjectTagSet,
  ObjectTags,
  UploadSweeper,
} from '../model/object-store.js';
import type { ParkedUploads } from '../model/parked-uploads.js';
import type { RekeyedObjects } from './copy/rekeyed-objects.js';
import type { OwnWrites } from './edit/own-writes.js';
import type { LastRate } from './upload/send-pace.js';

/** Services that the vault's parts share. */
export interface VaultServices {
  readonly store: ObjectStore & UploadSweeper & Pick<ObjectTags, 'getTags'>;
  readonly ledger: KeyLedger;
  readonly parked: ParkedUploads;
  readonly clock: Clock;
  readonly lastRate: LastRate;
  readonly locks: KeyedMutex<ObjectRef>;
  readonly rekeyed: RekeyedObjects;
  readonly ownWrites: OwnWrites;
  /** Rows of this process's unfinished writes, with their objects. A settlement leaves them unchanged. */
  readonly ownIntents: Map<IntentId, ObjectRef>;
}

/** The object that a write replaces, and the properties of it that the new object keeps. */
export interface ReplacedObject extends Pick<ObjectInfo, 'etag' | 'metadata' | 'contentType'> {
  readonly tags: ObjectTagSet;
}

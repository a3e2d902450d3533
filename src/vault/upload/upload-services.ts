import type { PartSource } from '../../model/object-store.js';
import type { VaultLimits } from '../limits.js';
import type { UploadOptions } from '../vault.js';
import type { ReplacedObject, VaultServices } from '../vault-services.js';
import type { HeldTails } from './held.js';
import type { PartSchedule } from './part-schedule.js';
import type { ScratchSpace } from './scratch-file.js';
import type { UploadMemory } from './upload-memory.js';

/** Services that all uploads of a process share. */
export interface UploadServices extends VaultServices {
  readonly limits: VaultLimits;
  readonly schedule: PartSchedule;
  readonly memory: UploadMemory;
  readonly scratch: ScratchSpace;
  readonly heldTails: HeldTails;
}

/** Start of a writer: empty, a parked upload to resume, or an object that is copied before its first byte. */
export interface WriterOptions extends Pick<UploadOptions, 'resumable' | 'resume'> {
  readonly head?: PartSource | null;
  /** The object that the upload replaces, if it must still be there at the end. */
  readonly replaced?: ReplacedObject | null;
}

import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import type { Call, Clock, Entropy } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { IntentId, KeyLedger } from '../model/ledger.js';
import type { ObjectInfo, ObjectRef, ObjectStore, UploadSweeper } from '../model/object-store.js';
import type { ParkedUpload, ParkedUploads } from '../model/parked-uploads.js';
import { openWithKeys } from './access.js';
import { copyVerified } from './copy/copy.js';
import { moveObject } from './copy/move.js';
import { RekeyedObjects } from './copy/rekeyed-objects.js';
import { removeUnchanged } from './copy/remove-unchanged.js';
import { type VaultLimits, vaultLimits } from './limits.js';
import { mtimeOf } from './mtime.js';
import { type FetchedObject, type FetchRequest, type FetchSink, fetchObject } from './read/fetch-object.js';
import { openReader } from './read/open-reader.js';
import { ReadMemory } from './read/read-memory.js';
import { settlePending } from './settle.js';
import { openExtended } from './upload/extended-writer.js';
import { abortParked, resumeParked } from './upload/parked.js';
import { createPartSchedule } from './upload/part-schedule.js';
import { ScratchSpace } from './upload/scratch-file.js';
import { UploadMemory } from './upload/upload-memory.js';
import { PartUploadWriter, type UploadServices, type WriterOptions } from './upload/upload-writer.js';
import type {
  CopyLimit,
  CopySource,
  CopyTarget,
  ObjectFetcher,
  ObjectReader,
  SettleReport,
  SettleRequest,
  UploadOptions,
  UploadTarget,
  UploadWriter,
  Vault,
} from './vault.js';

/** Services and limits of a vault. */
export interface VaultOptions {
  readonly store: ObjectStore & UploadSweeper;
  readonly ledger: KeyLedger;
  readonly parked: ParkedUploads;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Limits that are not given have their defaults, see `defaultVaultLimits`. */
  readonly limits?: Partial<VaultLimits>;
  /** Directory for scratch files, preferably on a disk rather than in memory. Created on first use. */
  readonly scratchDirectory: string;
}

/** The vault's current use of memory and disk. */
export interface VaultStatistics {
  readonly openUploads: number;
  readonly openReaders: number;
  readonly uploadMemoryBytes: number;
  readonly waitingUploads: number;
  readonly readMemoryBytes: number;
  readonly scratchBytes: number;
}

/** A vault whose owner disposes it. */
export interface RunningVault extends Vault, ObjectFetcher, AsyncDisposable {
  readonly statistics: VaultStatistics;
}

/**
 * Creates a vault over an object store and a ledger. Disposing it ends every open upload and reader, and
 * waits for uploads that are being committed. Throws `invalid` for limits that cannot work.
 */
export function createVault(options: VaultOptions): RunningVault {
  return new StoreVault(options);
}

class StoreVault implements RunningVault {
  readonly #services: UploadServices & { readonly readMemory: ReadMemory };
  readonly #startedMs: number;
  readonly #open = new Set<AsyncDisposable>();
  #openReaders = 0;

  constructor({ store, ledger, parked, clock, entropy, limits: given, scratchDirectory }: VaultOptions) {
    const limits = vaultLimits(given ?? {});
    this.#startedMs = clock.nowMs();
    this.#services = {
      store,
      ledger,
      parked,
      clock,
      limits,
      locks: new KeyedMutex<ObjectRef>(({ bucket, key }) => `${bucket}/${key}`),
      rekeyed: new RekeyedObjects(),
      ownIntents: new Map<IntentId, ObjectRef>(),
      schedule: createPartSchedule(limits),
      memory: new UploadMemory({
        totalBytes: limits.uploadMemoryBytes,
        admissionTimeoutMs: limits.uploadAdmissionTimeoutMs,
        clock,
      }),
      scratch: new ScratchSpace({
        directory: scratchDirectory,
        limitBytes: limits.scratchLimitBytes,
        patienceMs: limits.uploadAdmissionTimeoutMs,
        clock,
        entropy,
      }),
      readMemory: new ReadMemory(limits.readMemoryBytes, clock),
    };
  }

  get statistics(): VaultStatistics {
    const { heldBytes, waiting } = this.#services.memory.statistics;
    return {
      openUploads: this.#open.size - this.#openReaders,
      openReaders: this.#openReaders,
      uploadMemoryBytes: heldBytes,
      waitingUploads: waiting,
      readMemoryBytes: this.#services.readMemory.usedBytes,
      scratchBytes: this.#services.scratch.usedBytes,
    };
  }

  async openUpload(call: Call, target: UploadTarget, options: UploadOptions = {}): Promise<UploadWriter> {
    const services = this.#services;
    const open = (given: WriterOptions) => this.#openWriter(call, target, given);
    if (options.extend) return await openExtended(services, call, target, options.extend, open);
    if (options.resume) await resumeParked(services, options.resume, target);
    return open(options);
  }

  #openWriter(call: Call, target: UploadTarget, options: WriterOptions): PartUploadWriter {
    const ended = () => this.#open.delete(writer);
    const writer: PartUploadWriter = new PartUploadWriter(this.#services, call, target, options, ended);
    this.#open.add(writer);
    return writer;
  }

  abortParked(call: Call, upload: ParkedUpload): Promise<void> {
    return abortParked(this.#services, call, upload);
  }

  async describe(call: Call, ref: ObjectRef, keys: readonly CustomerKey[], versionId?: string) {
    const { store, ledger } = this.#services;
    const opened = await openWithKeys(ledger, ref, keys, (access) =>
      store.head(call, ref, access, versionId),
    );
    if (opened === null) return null;
    return { info: opened.value, mtimeSeconds: mtimeOf(opened.value, opened.candidates) };
  }

  async openReader(call: Call, ref: ObjectRef, keys: readonly CustomerKey[]): Promise<ObjectReader | null> {
    const reader = await openReader(this.#services, call, ref, keys, (ended) => {
      if (this.#open.delete(ended)) this.#openReaders -= 1;
    });
    if (reader === null) return null;
    this.#open.add(reader);
    this.#openReaders += 1;
    return reader;
  }

  fetch(call: Call, request: FetchRequest, sink: FetchSink): Promise<FetchedObject | null> {
    return fetchObject(this.#services, call, request, sink);
  }

  copy(call: Call, from: CopySource, to: CopyTarget, limit?: CopyLimit): Promise<ObjectInfo | null> {
    return this.#services.locks.runExclusive([from.ref, to.ref], async () => {
      const copy = await copyVerified(this.#services, call, from, to, limit);
      return copy === null ? null : copy.info;
    });
  }

  move(call: Call, from: ObjectRef, keys: readonly CustomerKey[], to: CopyTarget): Promise<boolean> {
    return moveObject(this.#services, call, from, keys, to);
  }

  async remove(call: Call, ref: ObjectRef, actor: string, ifMatch?: string): Promise<void> {
    const { store, ledger, locks } = this.#services;
    await locks.runExclusive([ref], async () => {
      if (ifMatch === undefined) await store.remove(call, ref);
      else await removeUnchanged(store, call, ref, ifMatch);
      await ledger.recordRemoval(ref, actor);
    });
  }

  settlePending(call: Call, request: SettleRequest): Promise<SettleReport> {
    return settlePending(this.#services, call, this.#startedMs, request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((open) => open[Symbol.asyncDispose]()));
  }
}

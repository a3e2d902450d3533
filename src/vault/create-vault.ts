import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import type { Call, Clock, Entropy } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { IntentId, KeyLedger } from '../model/ledger.js';
import type { ObjectInfo, ObjectRef, ObjectStore, ObjectTags, UploadSweeper } from '../model/object-store.js';
import type { ParkedUpload, ParkedUploads } from '../model/parked-uploads.js';
import { openWithKeys } from './access.js';
import { copyVerified } from './copy/copy.js';
import { moveObject } from './copy/move.js';
import { RekeyedObjects } from './copy/rekeyed-objects.js';
import { removeUnchanged } from './copy/remove-unchanged.js';
import { EditMemory } from './edit/edit-memory.js';
import { type EditServices, StoreEditor } from './edit/object-editor.js';
import { OwnWrites } from './edit/own-writes.js';
import { type VaultLimits, vaultLimits } from './limits.js';
import { mtimeOf } from './mtime.js';
import { type FetchedObject, type FetchRequest, type FetchSink, fetchObject } from './read/fetch-object.js';
import { openReader } from './read/open-reader.js';
import { ReadMemory } from './read/read-memory.js';
import { RefusedObjects } from './read/refused-objects.js';
import { removeRecorded } from './removals.js';
import { settlePending } from './settle.js';
import { openExtended } from './upload/extended-writer.js';
import { completeParked, HeldTails } from './upload/held.js';
import { abortParked, resumeParked } from './upload/parked.js';
import { createPartSchedule } from './upload/part-schedule.js';
import { ScratchSpace } from './upload/scratch-file.js';
import { LastRate } from './upload/send-pace.js';
import { UploadMemory } from './upload/upload-memory.js';
import type { UploadServices, WriterOptions } from './upload/upload-services.js';
import { PartUploadWriter } from './upload/upload-writer.js';
import type {
  CopyLimit,
  CopySource,
  CopyTarget,
  EditOptions,
  FileWriter,
  ObjectEditor,
  ObjectFetcher,
  ObjectReader,
  SettleReport,
  SettleRequest,
  UploadOptions,
  UploadTarget,
  Vault,
} from './vault.js';

/** Services and limits of a vault. */
export interface VaultOptions {
  readonly store: ObjectStore & UploadSweeper & Pick<ObjectTags, 'getTags'>;
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
  readonly #services: UploadServices & { readonly readMemory: ReadMemory; readonly editMemory: EditMemory };
  readonly #startedMs: number;
  readonly #refused: RefusedObjects;
  readonly #open = new Set<AsyncDisposable>();
  #openReaders = 0;

  constructor({ store, ledger, parked, clock, entropy, limits: given, scratchDirectory }: VaultOptions) {
    const limits = vaultLimits(given ?? {});
    this.#startedMs = clock.nowMs();
    this.#refused = new RefusedObjects(store, clock);
    this.#services = {
      store,
      ledger,
      parked,
      clock,
      limits,
      locks: new KeyedMutex<ObjectRef>(({ bucket, key }) => `${bucket}/${key}`),
      rekeyed: new RekeyedObjects(),
      ownWrites: new OwnWrites(),
      ownIntents: new Map<IntentId, ObjectRef>(),
      heldTails: new HeldTails(),
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
      lastRate: new LastRate(clock),
      readMemory: new ReadMemory(limits.readMemoryBytes, clock),
      editMemory: new EditMemory(limits.editMemoryBytes),
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

  async openUpload(call: Call, target: UploadTarget, options: UploadOptions = {}): Promise<FileWriter> {
    const services = this.#services;
    noteTarget(call, target);
    const open = (given: WriterOptions) => this.#openWriter(call, target, given);
    if (options.extend) return await openExtended(services, call, target, options.extend, open);
    if (!options.resume) return open(options);
    const { resume, tail } = services.heldTails.split(options.resume);
    await resumeParked(services, resume, target);
    services.heldTails.forget(resume.id);
    const writer = open({ ...options, resume });
    if (tail !== null) await writer.write(writer.size, [tail]);
    return writer;
  }

  #openWriter(call: Call, target: UploadTarget, options: WriterOptions): PartUploadWriter {
    const ended = () => this.#open.delete(writer);
    const writer: PartUploadWriter = new PartUploadWriter(this.#services, call, target, options, ended);
    this.#open.add(writer);
    return writer;
  }

  openEdit(call: Call, target: UploadTarget, options: EditOptions): ObjectEditor {
    noteTarget(call, target);
    const ended = () => this.#open.delete(editor);
    const services = {
      ...this.#services,
      openReader: (...asked: Parameters<Vault['openReader']>) => this.openReader(...asked),
      openWriter: (...asked: Parameters<EditServices['openWriter']>) => this.#openWriter(...asked),
    };
    const editor: StoreEditor = new StoreEditor(services, call, target, options, ended);
    this.#open.add(editor);
    return editor;
  }

  async completeParked(call: Call, upload: ParkedUpload, target: UploadTarget): Promise<void> {
    noteTarget(call, target);
    await completeParked(this.#services, call, upload, target);
    this.#services.heldTails.forget(upload.id);
  }

  abortParked(call: Call, upload: ParkedUpload): Promise<void> {
    this.#services.heldTails.forget(upload.id);
    return abortParked(this.#services, call, upload);
  }

  async describe(call: Call, ref: ObjectRef, keys: readonly CustomerKey[], versionId?: string) {
    const { store, ledger } = this.#services;
    const open = () => openWithKeys(ledger, ref, keys, (access) => store.head(call, ref, access, versionId));
    const opened = versionId === undefined ? await this.#refused.guard(call, ref, keys, open) : await open();
    if (opened === null) return null;
    return { info: opened.value, mtimeSeconds: mtimeOf(opened.value, opened.candidates) };
  }

  async openReader(call: Call, ref: ObjectRef, keys: readonly CustomerKey[]): Promise<ObjectReader | null> {
    const reader = await this.#refused.guard(call, ref, keys, () =>
      openReader(this.#services, call, ref, keys, (ended) => {
        if (this.#open.delete(ended)) this.#openReaders -= 1;
      }),
    );
    if (reader === null) return null;
    this.#open.add(reader);
    this.#openReaders += 1;
    return reader;
  }

  fetch(call: Call, request: FetchRequest, sink: FetchSink): Promise<FetchedObject | null> {
    return fetchObject(this.#services, call, request, sink);
  }

  copy(call: Call, from: CopySource, to: CopyTarget, limit?: CopyLimit): Promise<ObjectInfo | null> {
    noteTarget(call, to);
    return this.#services.locks.runExclusive([from.ref, to.ref], async () => {
      const copy = await copyVerified(this.#services, call, from, to, limit);
      return copy === null ? null : copy.info;
    });
  }

  move(call: Call, from: ObjectRef, keys: readonly CustomerKey[], to: CopyTarget): Promise<boolean> {
    noteTarget(call, to);
    return moveObject(this.#services, call, from, keys, to);
  }

  async remove(call: Call, ref: ObjectRef, actor: string, ifMatch?: string): Promise<void> {
    const { store, ledger, locks } = this.#services;
    call.note?.(ref);
    await locks.runExclusive([ref], async () => {
      await removeRecorded(ledger, { ref, actor, versionId: null }, () =>
        ifMatch === undefined ? store.remove(call, ref) : removeUnchanged(store, call, ref, ifMatch),
      );
    });
  }

  settlePending(call: Call, request: SettleRequest): Promise<SettleReport> {
    return settlePending(this.#services, call, this.#startedMs, request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((open) => open[Symbol.asyncDispose]()));
  }
}

function noteTarget(call: Call, { ref, encryption }: UploadTarget): void {
  call.note?.({ ...ref, keyId: encryption.kind === 'sse-c' ? encryption.key.fingerprint : null });
}

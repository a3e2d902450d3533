import type { RefLocks } from '../../concurrency/ref-locks.js';
import { type Call, type Clock, lasting } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { IntentId, KeyLedger } from '../../model/ledger.js';
import type {
  ObjectRef,
  ObjectStore,
  PartReceipt,
  PartSource,
  PartUpload,
  ReplayableBody,
  UploadSweeper,
  WholeObject,
  WriteOptions,
  WrittenObject,
} from '../../model/object-store.js';
import type { ParkedUpload, ParkedUploads } from '../../model/parked-uploads.js';
import type { Successors } from '../copy/successors.js';
import { mtimeMetadata, wholeSeconds } from '../mtime.js';
import { sealedWith } from '../sealed-with.js';
import type { UploadTarget } from '../vault.js';
import { leavesDoubt } from './doubt.js';
import { verifyWritten } from './verify-written.js';

/** What the vault's parts share. */
export interface VaultServices {
  readonly store: ObjectStore & UploadSweeper;
  readonly ledger: KeyLedger;
  readonly parked: ParkedUploads;
  readonly clock: Clock;
  readonly locks: RefLocks;
  readonly successors: Successors;
  /** Rows of writes of this process that are under way, with their objects: a settlement leaves them alone. */
  readonly ownIntents: Map<IntentId, ObjectRef>;
}

/**
 * The S3 and ledger side of one upload. The order is: intend (durable), begin, attach (durable), parts, complete, verify,
 * confirm (durable); for a small file: intend, put, verify, confirm. The row is abandoned only when it is sure that
 * no object and no multipart upload of it is left; whatever is in doubt stays pending for the next start to settle.
 */
export class PartSender {
  readonly #services: VaultServices;
  readonly #call: Call;
  readonly #target: UploadTarget;
  readonly #cancel: AbortController;
  readonly #intent: Promise<IntentId>;
  readonly #onPartSettled: (fault: Fault | null) => void;
  #begun: Promise<PartUpload> | null = null;
  #mtimeSeconds: number | null;
  readonly #startedMs: number;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #receipts: PartReceipt[] = [];
  #nextPart = 1;
  /** Something at S3 may exist that nobody can tell of: the row must stay. */
  #inDoubt = false;
  #settled = false;

  /**
   * Starts writing the row at once. `onPartSettled` is told of every part that S3 has, or whose fault is final.
   * Aborting `cancel` ends every request of this upload. One that is `resumed` goes on behind its parts.
   */
  constructor(
    services: VaultServices,
    call: Call,
    target: UploadTarget,
    cancel: AbortController,
    onPartSettled: (fault: Fault | null) => void,
    resumed: ParkedUpload | null,
  ) {
    this.#services = services;
    this.#target = target;
    this.#cancel = cancel;
    this.#call = { id: call.id, log: call.log, signal: cancel.signal };
    this.#mtimeSeconds = target.mtimeSeconds ?? resumed?.mtimeSeconds ?? null;
    this.#onPartSettled = onPartSettled;
    this.#startedMs = services.clock.nowMs();
    this.#intent = resumed === null ? this.#intend(call) : this.#goOn(resumed);
    this.#intent.catch(() => undefined);
  }

  async #goOn({ id, ref, uploadId, parts }: ParkedUpload): Promise<IntentId> {
    this.#services.ownIntents.set(id, ref);
    const upload = this.#services.store.resumeUpload(this.#call, ref, this.#options(), uploadId);
    this.#begun = Promise.resolve(upload);
    this.#receipts.push(...parts);
    this.#nextPart = parts.length + 1;
    return id;
  }

  async #intend(call: Call): Promise<IntentId> {
    const { ref, encryption, actor } = this.#target;
    const id = await this.#services.ledger.intend({
      ref,
      sealedWith: sealedWith(encryption),
      actor,
      requestId: call.id,
    });
    this.#services.ownIntents.set(id, ref);
    return id;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  get nextPart(): number {
    return this.#nextPart;
  }

  setMtime(mtimeSeconds: number): void {
    this.#mtimeSeconds = mtimeSeconds;
  }

  /** Resolves when one part more than now has settled. */
  async partSettled(): Promise<void> {
    if (this.#inFlight.size > 0) await Promise.race(this.#inFlight);
  }

  /** Sends the next part. `sent` is called when the body is no longer needed, whatever became of it; it never throws. */
  send(body: ReplayableBody, sent: () => void | Promise<void>): void {
    const partNumber = this.#nextPart;
    this.#nextPart += 1;
    const sending: Promise<void> = this.#sendPart(partNumber, body)
      .then(
        () => null,
        (error: unknown) => Fault.from(error),
      )
      .then(async (fault) => {
        await sent();
        this.#inFlight.delete(sending);
        this.#onPartSettled(fault);
      });
    this.#inFlight.add(sending);
  }

  async #sendPart(partNumber: number, body: ReplayableBody): Promise<void> {
    this.#begun ??= this.#begin();
    const upload = await this.#begun;
    this.#receipts[partNumber - 1] = await upload.uploadPart(this.#call, partNumber, body);
  }

  /** Has an object copied as the first part. Throws `conflict` when it is not there any more as it was. */
  async copyFirst(source: PartSource): Promise<void> {
    this.#nextPart = 2;
    this.#begun ??= this.#begin();
    const upload = await this.#begun;
    const receipt = await upload.copyPart(this.#call, 1, source);
    if (receipt === null) throw new Fault('conflict', 'it has been removed meanwhile');
    this.#receipts[0] = receipt;
  }

  async #begin(): Promise<PartUpload> {
    const { store, ledger } = this.#services;
    const id = await this.#intent;
    let upload: PartUpload;
    try {
      // Not to be cancelled: given up half-way, it could leave an upload at S3 whose id nobody knows.
      upload = await store.beginUpload(lasting(this.#call), this.#target.ref, this.#options());
    } catch (error) {
      if (leavesDoubt(error)) this.#inDoubt = true;
      throw error;
    }
    await ledger.attachUpload(id, upload.uploadId).catch(async (error: unknown) => {
      await upload[Symbol.asyncDispose]();
      this.#inDoubt = true;
      throw error;
    });
    return upload;
  }

  #options(): WriteOptions {
    return {
      encryption: this.#target.encryption,
      acl: this.#target.acl,
      metadata: mtimeMetadata(this.#mtimeSeconds),
      contentType: null,
    };
  }

  /** A file that was never cut into parts: one PutObject. Resolves when it is verified and confirmed. */
  async put(call: Call, body: ReplayableBody): Promise<WrittenObject> {
    const id = await this.#intent;
    const { ref } = this.#target;
    const whole = { size: body.byteLength, checksum: body.checksum };
    return this.#services.locks.alone([ref], () =>
      this.#land(call, id, whole, null, (own) => this.#services.store.put(own, ref, body, this.#options())),
    );
  }

  /** Resolves when no part is on the way. */
  async allSettled(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  /** Makes the object of the parts that were sent and have all arrived. Resolves when it is verified and confirmed. */
  async complete(call: Call, whole: WholeObject): Promise<WrittenObject> {
    const id = await this.#intent;
    this.#begun ??= this.#begin();
    const upload = await this.#begun;
    const parts = this.#receipts;
    return this.#services.locks.alone([this.#target.ref], () =>
      this.#land(call, id, whole, parts.length, (own) => upload.complete(own, parts, whole)),
    );
  }

  /** The last step at S3, and what has to follow it. */
  async #land(
    call: Call,
    id: IntentId,
    whole: WholeObject,
    partCount: number | null,
    write: (call: Call) => Promise<WrittenObject>,
  ): Promise<WrittenObject> {
    // The client has sent everything: the object lands even if it goes away now. The store bounds the time.
    const own = lasting(call);
    const expected = { ...whole, partCount, startedMs: this.#startedMs };
    this.#inDoubt = true;
    let written: WrittenObject;
    try {
      written = await verifyWritten(this.#services.store, own, this.#target, expected, () => write(own));
    } catch (error) {
      if (!leavesDoubt(error)) this.#inDoubt = false;
      throw error;
    }
    await this.#services.ledger.confirm(id, {
      size: whole.size,
      checksum: whole.checksum,
      etag: written.etag,
      versionId: written.versionId,
      mtimeSeconds: wholeSeconds(this.#mtimeSeconds),
    });
    this.#services.ownIntents.delete(id);
    this.#settled = true;
    return written;
  }

  /**
   * Leaves what S3 has of an unfinished upload there, for somebody to go on with it: the parts up to the first that has not arrived.
   * Waits for those on the way. Null when there is nothing to keep; then, and when it throws, `discard` is due.
   */
  async park(): Promise<ParkedUpload | null> {
    if (this.#settled || this.#inDoubt) return null;
    await this.allSettled();
    const begun = await this.#begun?.catch(() => null);
    let arrived = 0;
    while (this.#receipts[arrived] !== undefined) arrived += 1;
    if (!begun || arrived === 0) return null;
    const parts = this.#receipts.slice(0, arrived);
    const { parked, ownIntents } = this.#services;
    const id = await this.#intent;
    const upload = await parked.park({ id, parts, mtimeSeconds: wholeSeconds(this.#mtimeSeconds) });
    this.#settled = true;
    ownIntents.delete(id);
    return upload;
  }

  /**
   * Ends an upload that was not finished: nothing of it is left at S3 and its row is abandoned, or the row stays
   * pending. Never throws. After a finished one it does nothing.
   */
  async discard(): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancel.abort();
    await Promise.all(this.#inFlight);
    const id = await this.#intent.catch(() => null);
    if (id === null) return;
    try {
      await this.#abortUpload();
      if (!this.#inDoubt) await this.#services.ledger.abandon(id);
    } catch (error) {
      const { bucket, key } = this.#target.ref;
      this.#call.log.warn('an unfinished upload could not be cleaned up; the next start settles it', {
        bucket,
        key,
        error: Fault.from(error),
      });
    } finally {
      this.#services.ownIntents.delete(id);
    }
  }

  async #abortUpload(): Promise<void> {
    const upload = await this.#begun?.catch(() => null);
    if (upload === null || upload === undefined) return;
    // Disposing aborts too, but without saying whether it worked, and the row may only go when it has.
    upload.park();
    await upload[Symbol.asyncDispose]();
    await this.#services.store.abortUpload(lasting(this.#call), this.#target.ref, upload.uploadId);
  }
}

import { type Call, uncancellable } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { BegunWrite } from '../../model/ledger.js';
import type {
  CompletedPart,
  PartRange,
  PartReceipt,
  PartSource,
  PartUpload,
  ReplayableBody,
  WholeObject,
  WrittenObject,
} from '../../model/object-store.js';
import type { ParkedUpload } from '../../model/parked-uploads.js';
import { wholeSeconds } from '../mtime.js';
import { sealedWith } from '../sealed-with.js';
import type { UploadTarget } from '../vault.js';
import type { ReplacedObject, VaultServices } from '../vault-services.js';
import { confirmWritten } from './confirm-written.js';
import { isSummed, wholeOf } from './joined-parts.js';
import { SendPace } from './send-pace.js';
import { mayHaveSucceeded } from './uncertain-outcome.js';
import { verifyWritten } from './verify-written.js';
import { writeOptions } from './write-options.js';

type PartTransfer = (upload: PartUpload, partNumber: number) => Promise<CompletedPart>;

/**
 * The S3 and ledger side of one upload. The order of a multipart upload is: intend (durable), begin, attach
 * (durable), parts, complete, verify, confirm (durable). The order of a small file is: intend, put, verify,
 * confirm. The row is abandoned only if it is certain that neither an object nor a multipart upload is left.
 * Otherwise it stays pending, and the next start settles it.
 */
export class PartSender {
  readonly #services: VaultServices;
  readonly #call: Call;
  readonly #target: UploadTarget;
  readonly #cancel: AbortController;
  readonly #intent: Promise<BegunWrite>;
  readonly #onPartSettled: (fault: Fault | null) => void;
  readonly #replaced: ReplacedObject | null;
  #begun: Promise<PartUpload> | null = null;
  #mtimeSeconds: number | null;
  readonly #startedMs: number;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #receipts: CompletedPart[] = [];
  #nextPart = 1;
  readonly #pace: SendPace;
  /** Something may exist at S3 that is not recorded, so the row must stay. */
  #isUncertain = false;
  #settled = false;

  /**
   * Starts writing the row immediately. `onPartSettled` is called for every part that S3 has received or that
   * has finally failed. Aborting `cancel` ends every request of this upload. A `resumed` upload continues
   * behind its parts. With `replaced`, the write fails with `conflict` unless that object is still there.
   */
  constructor(
    services: VaultServices,
    call: Call,
    target: UploadTarget,
    cancel: AbortController,
    onPartSettled: (fault: Fault | null) => void,
    resumed: ParkedUpload | null,
    replaced: ReplacedObject | null = null,
  ) {
    this.#services = services;
    this.#target = target;
    this.#cancel = cancel;
    this.#call = { id: call.id, log: call.log, signal: cancel.signal };
    this.#mtimeSeconds = target.mtimeSeconds ?? resumed?.mtimeSeconds ?? null;
    this.#onPartSettled = onPartSettled;
    this.#replaced = replaced;
    this.#pace = new SendPace(services.clock, services.lastRate);
    this.#startedMs = services.clock.nowMs();
    this.#intent = resumed === null ? this.#intend(call) : this.#resume(resumed);
    this.#intent.catch(() => undefined);
  }

  async #resume({ id, ref, uploadId, parts }: ParkedUpload): Promise<BegunWrite> {
    this.#services.ownIntents.set(id, ref);
    const upload = this.#services.store.resumeUpload(this.#call, ref, this.#options(), uploadId);
    this.#begun = Promise.resolve(upload);
    this.#receipts.push(...parts);
    this.#nextPart = parts.length + 1;
    return { id, isFirst: false };
  }

  async #intend(call: Call): Promise<BegunWrite> {
    const { ref, encryption, actor } = this.#target;
    const begun = await this.#services.ledger.begin({
      ref,
      sealedWith: sealedWith(encryption),
      actor,
      requestId: call.id,
    });
    this.#services.ownIntents.set(begun.id, ref);
    return begun;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  get nextPart(): number {
    return this.#nextPart;
  }

  /** Returns the size of the next part: `plannedBytes`, or less on a slow connection. */
  partBytes(plannedBytes: number): number {
    return this.#pace.partBytes(this.#nextPart, plannedBytes);
  }

  /** Resolves when the client may send on, at once (null) if S3 keeps up: see `SendPace`. */
  turn(waitingBytes: () => number, signal: AbortSignal): Promise<void> | null {
    return this.#pace.turn(waitingBytes, signal);
  }

  setMtime(mtimeSeconds: number): void {
    this.#mtimeSeconds = mtimeSeconds;
  }

  /** Resolves when one more part has settled. */
  async partSettled(): Promise<void> {
    if (this.#inFlight.size > 0) await Promise.race(this.#inFlight);
  }

  /**
   * Sends the next part. `sent` is called when the body is no longer needed, whether or not the part arrived.
   * It never throws.
   */
  send(body: ReplayableBody, sent: () => void | Promise<void>): void {
    const transfer: PartTransfer = (upload, partNumber) => upload.uploadPart(this.#call, partNumber, body);
    this.#transfer(body.byteLength, transfer, sent);
  }

  /** Lets S3 copy a range of an object as the next part. It never throws. */
  copy(source: PartRange): void {
    const transfer: PartTransfer = async (upload, partNumber) => {
      const receipt = await upload.copyRange(this.#call, partNumber, source);
      if (receipt === null) throw new Fault('conflict', 'it was deleted meanwhile');
      return receipt;
    };
    this.#transfer(0, transfer, () => undefined);
  }

  /** `bytes` is what the gateway itself sends. */
  #transfer(bytes: number, transfer: PartTransfer, sent: () => void | Promise<void>): void {
    const partNumber = this.#nextPart;
    this.#nextPart += 1;
    const paced = this.#pace.sending(bytes);
    const sending: Promise<void> = this.#transferPart(partNumber, transfer)
      .then(
        () => null,
        (error: unknown) => Fault.from(error),
      )
      .then(async (fault) => {
        await sent();
        this.#inFlight.delete(sending);
        paced(fault === null);
        this.#onPartSettled(fault);
      });
    this.#inFlight.add(sending);
  }

  async #transferPart(partNumber: number, transfer: PartTransfer): Promise<void> {
    this.#begun ??= this.#begin();
    const upload = await this.#begun;
    this.#receipts[partNumber - 1] = await transfer(upload, partNumber);
  }

  /** Size and checksum of the parts together, as `wholeOf` returns them. No part may be in flight. */
  get whole(): WholeObject {
    return wholeOf(this.#services.store.checksumAlgorithm, this.#receipts);
  }

  /** Lets S3 copy an object as the first part. Throws `conflict` if the object was removed or replaced. */
  async copyFirst(source: PartSource): Promise<void> {
    this.#nextPart = 2;
    this.#begun ??= this.#begin();
    const upload = await this.#begun;
    const receipt = await upload.copyPart(this.#call, 1, source);
    if (receipt === null) throw new Fault('conflict', 'it was deleted meanwhile');
    this.#receipts[0] = receipt;
  }

  async #begin(): Promise<PartUpload> {
    const { store, ledger } = this.#services;
    const { id } = await this.#intent;
    let upload: PartUpload;
    try {
      upload = await store.beginUpload(this.#call, this.#target.ref, this.#options());
    } catch (error) {
      // After `cancelled` the store has left nothing at S3.
      if (mayHaveSucceeded(error) && !isFault(error, 'cancelled')) this.#isUncertain = true;
      throw error;
    }
    await ledger.attachUpload(id, upload.uploadId).catch(async (error: unknown) => {
      await upload[Symbol.asyncDispose]();
      this.#isUncertain = true;
      throw error;
    });
    return upload;
  }

  readonly #options = () => writeOptions(this.#target, this.#mtimeSeconds, this.#replaced);

  /**
   * Writes a file that was not cut into parts with one PutObject. Resolves when it is verified and confirmed.
   */
  async put(call: Call, body: ReplayableBody): Promise<WrittenObject> {
    const row = await this.#intent;
    const { ref } = this.#target;
    const whole = { size: body.byteLength, checksum: body.checksum };
    return this.#services.locks.runExclusive([ref], () =>
      this.#publish(call, row, whole, null, async (own) => {
        const paced = this.#pace.sending(body.byteLength);
        let hasArrived = false;
        try {
          const written = await this.#services.store.put(own, ref, body, this.#options());
          hasArrived = true;
          return written;
        } finally {
          paced(hasArrived);
        }
      }),
    );
  }

  /** Resolves when no part is being sent. */
  async allSettled(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  /**
   * Creates the object from the parts, all of which have arrived. Resolves when it is verified and confirmed.
   */
  async complete(call: Call, whole: WholeObject): Promise<WrittenObject> {
    const row = await this.#intent;
    this.#begun ??= this.#begin();
    const upload = await this.#begun;
    const parts = this.#receipts;
    return this.#services.locks.runExclusive([this.#target.ref], () =>
      this.#publish(call, row, whole, parts.length, (own) => upload.complete(own, parts, whole)),
    );
  }

  /** Performs the last request to S3, verifies the object and confirms the row. */
  async #publish(
    call: Call,
    row: BegunWrite,
    whole: WholeObject,
    partCount: number | null,
    write: (call: Call) => Promise<WrittenObject>,
  ): Promise<WrittenObject> {
    // The client has sent everything, so the object is completed even if the client disconnects now. The
    // store limits the time.
    const own = uncancellable(call);
    const expected = { ...whole, partCount, startedMs: this.#startedMs };
    this.#isUncertain = true;
    let written: WrittenObject;
    try {
      written = await verifyWritten(this.#services.store, own, this.#target, expected, () => write(own));
    } catch (error) {
      if (!mayHaveSucceeded(error)) this.#isUncertain = false;
      throw error;
    }
    this.#services.ownWrites.note({ ...this.#target, etag: written.etag });
    const isSelfEvident = row.isFirst && partCount === null && this.#replaced === null;
    await confirmWritten(
      this.#services,
      own,
      { id: row.id, isSelfEvident },
      {
        size: whole.size,
        checksum: whole.checksum ?? written.checksum,
        etag: written.etag,
        versionId: written.versionId,
        mtimeSeconds: wholeSeconds(this.#mtimeSeconds),
      },
    );
    this.#settled = true;
    return written;
  }

  /**
   * Parks the upload: keeps its parts at S3, up to the first one that has not arrived. Waits for parts that
   * are being sent. Returns null if there is nothing to keep. After null or a fault the caller must call
   * `discard`.
   */
  async park(): Promise<ParkedUpload | null> {
    if (this.#settled || this.#isUncertain) return null;
    await this.allSettled();
    const begun = await this.#begun?.catch(() => null);
    let arrived = 0;
    while (this.#receipts[arrived] !== undefined) arrived += 1;
    if (!begun || arrived === 0) return null;
    const parts = this.#receipts.slice(0, arrived).filter(isSummed);
    return parts.length < arrived ? null : await this.#record(parts, false);
  }

  /** Parks an upload whose parts have all arrived, as complete. An empty file has no part. */
  async hold(): Promise<ParkedUpload> {
    this.#begun ??= this.#begin();
    await this.#begun;
    const parts = this.#receipts.filter(isSummed);
    if (parts.length === this.#receipts.length) return await this.#record(parts, true);
    throw new Fault('unsupported', 'S3 returned no checksum for a part');
  }

  async #record(parts: readonly PartReceipt[], isComplete: boolean): Promise<ParkedUpload> {
    const { id } = await this.#intent;
    const { shownKey = null } = this.#target;
    const mtimeSeconds = wholeSeconds(this.#mtimeSeconds);
    const upload = await this.#services.parked.park({ id, parts, mtimeSeconds, shownKey, isComplete });
    this.#settled = true;
    this.#services.ownIntents.delete(id);
    return upload;
  }

  /**
   * Ends an unfinished upload. Aborts it at S3 and abandons its row, or leaves the row pending. Never throws.
   * Does nothing after a finished upload.
   */
  async discard(): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancel.abort();
    await Promise.all(this.#inFlight);
    const begun = await this.#intent.catch(() => null);
    if (begun === null) return;
    const { id } = begun;
    try {
      const upload = await this.#begun?.catch(() => null);
      await upload?.abort(uncancellable(this.#call));
      if (!this.#isUncertain) await this.#services.ledger.abandon(id);
    } catch (error) {
      const { bucket, key } = this.#target.ref;
      this.#call.log.warn('an unfinished upload could not be aborted; retrying at the next start', {
        bucket,
        key,
        error: Fault.from(error),
      });
    } finally {
      this.#services.ownIntents.delete(id);
    }
  }
}

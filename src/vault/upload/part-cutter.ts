import { JoinedChecksum } from '../../bytes/joined-checksum.js';
import type { Checksum } from '../../model/checksum.js';
import { Fault } from '../../model/fault.js';
import type { VaultLimits } from '../limits.js';
import { type PartSchedule, s3PartLimits } from './part-schedule.js';
import type { PartSender } from './part-sender.js';
import type { ScratchSpace } from './scratch-file.js';
import type { ScratchPart } from './scratch-part.js';
import type { ScratchHolder } from './scratch-quota.js';
import type { UploadBuffer } from './upload-buffer.js';
import { blockBytes, reserveBytes } from './upload-memory.js';

/**
 * A part that is gathered on disk is written in stretches of this size. It is smaller than the reserve, so an
 * upload that gathers on disk never waits for memory.
 */
const stretchBytes = reserveBytes - 4 * blockBytes;

/**
 * Cuts the ordered bytes of one upload into parts. Parts that fit into memory are sent from there. Larger
 * parts are gathered on disk, stretch by stretch, and sent from there. Calls that wait must not overlap.
 */
export class PartCutter {
  readonly #limits: VaultLimits;
  readonly #schedule: PartSchedule;
  readonly #scratch: ScratchSpace;
  readonly #buffer: UploadBuffer;
  readonly #sender: PartSender;
  readonly #holder: ScratchHolder;
  readonly #check: () => void;
  readonly #sum: JoinedChecksum;
  /** The part that is being gathered on disk. Its bytes count as sent. */
  #part: ScratchPart | null = null;
  #appending = false;
  #sendAfterAppend = false;

  /** `check` throws if the upload has failed. `sent` are the parts that S3 already has. */
  constructor(
    services: {
      readonly limits: VaultLimits;
      readonly schedule: PartSchedule;
      readonly scratch: ScratchSpace;
    },
    buffer: UploadBuffer,
    sender: PartSender,
    holder: ScratchHolder,
    check: () => void,
    sent: readonly { readonly checksum: Checksum; readonly size: number }[],
  ) {
    this.#limits = services.limits;
    this.#schedule = services.schedule;
    this.#scratch = services.scratch;
    this.#buffer = buffer;
    this.#sum = new JoinedChecksum(buffer.algorithm);
    for (const { checksum, size } of sent) this.#sum.add(checksum, size);
    this.#sender = sender;
    this.#holder = holder;
    this.#check = check;
  }

  /** Checksum of all bytes that have been cut off. */
  get checksum(): Checksum {
    return this.#sum.checksum;
  }

  /**
   * Returns whether a part, or the next stretch of a part on disk, is complete. The first part is sent only
   * if more bytes follow, because a file of one part becomes a PutObject.
   */
  isDue(size: number): boolean {
    const planned = this.#plannedBytes();
    const { frontier, sentEnd } = this.#buffer;
    const waiting = frontier - sentEnd;
    if (waiting < stretchBytes && waiting < planned - this.#gathered) return false;
    if (planned > this.#schedule.memoryPartBytes) return true;
    return waiting >= planned && (sentEnd > 0 || size > planned);
  }

  /** Sends or gathers everything that is due. */
  async cut(size: number): Promise<void> {
    while (this.isDue(size)) {
      if (this.#gathersOnDisk) {
        await this.#gather(Math.min(stretchBytes, this.#plannedBytes() - this.#gathered));
      } else if (this.#sender.inFlight >= this.#limits.parallelParts) {
        // The planned size may change during the wait.
        await this.#partSlot();
      } else {
        this.#send(this.#plannedBytes());
      }
    }
  }

  /** Sends the remaining bytes as the last part. */
  async finish(): Promise<void> {
    const rest = this.#buffer.frontier - this.#buffer.sentEnd;
    if (this.#part !== null && rest > 0) await this.#gather(rest);
    if (this.#part !== null || rest > 0) await this.#partSlot();
    if (this.#part !== null) this.#sendGathered();
    else if (this.#buffer.sentEnd < this.#buffer.frontier) this.#send(rest);
  }

  /** Returns a copy of the bytes behind those of `sendRemaining`. Null if there are none, or if they are on disk. */
  shortTail(): Uint8Array | null {
    const isThere = this.#part === null && this.#buffer.frontier > this.#buffer.sentEnd;
    return isThere ? this.#buffer.copyOut() : null;
  }

  /**
   * Sends the bytes in memory as a part smaller than planned if memory is short and no part of this upload is
   * being sent. Otherwise uploads that hold memory would wait for each other.
   */
  sendShort(): void {
    if (this.#sender.inFlight > 0 || this.#gathersOnDisk) return;
    const waiting = this.#buffer.waitingBytes;
    const whole = Math.min(waiting - (waiting % blockBytes), this.#plannedBytes());
    if (whole >= s3PartLimits.minBytes) this.#send(whole);
  }

  /** Does the same for scratch space, see `ScratchHolder`. */
  sendShortGathered(): boolean {
    if (this.#gathered < s3PartLimits.minBytes) return false;
    if (this.#appending) this.#sendAfterAppend = true;
    else this.#sendGathered();
    return true;
  }

  /**
   * Sends the bytes of an interrupted upload, in parts that others can follow. No other call may be running.
   */
  sendRemaining(): void {
    if (this.#gathered >= s3PartLimits.minBytes) this.#sendGathered();
    while (this.#part === null) {
      const waiting = this.#buffer.waitingBytes;
      const whole = Math.min(waiting - (waiting % blockBytes), this.#plannedBytes());
      if (whole < s3PartLimits.minBytes) return;
      this.#send(whole);
    }
  }

  /** Releases the disk space of bytes that were gathered and will not be sent. */
  async abandon(): Promise<void> {
    const part = this.#part;
    this.#part = null;
    await part?.abandon();
  }

  #plannedBytes(): number {
    const { nextPart } = this.#sender;
    const planned = this.#schedule.sizeOf(nextPart, this.#buffer.sentEnd - this.#gathered);
    return planned > this.#schedule.memoryPartBytes ? planned : this.#sender.partBytes(planned);
  }

  get #gathered(): number {
    return this.#part === null ? 0 : this.#part.byteLength;
  }

  get #gathersOnDisk(): boolean {
    return this.#part !== null || this.#plannedBytes() > this.#schedule.memoryPartBytes;
  }

  /** Writes the next bytes to the part on disk, and sends it once it is full. */
  async #gather(length: number): Promise<void> {
    this.#requirePartNumber();
    const waiting = this.#scratch.reservePart(length, this.#holder);
    if (waiting !== null) await waiting;
    // During the wait, the part may have been sent unfinished.
    this.#part ??= this.#scratch.openPart(this.#holder, this.#buffer.algorithm);
    const part = this.#part;
    const { body, release } = this.#buffer.takeOut(length);
    this.#sum.add(body.checksum, length);
    this.#appending = true;
    try {
      await part.append(body.chunks, length, body.checksum);
    } finally {
      this.#appending = false;
      release();
    }
    if (this.#sendAfterAppend) this.#sendGathered();
    else if (part.byteLength >= this.#plannedBytes()) {
      await this.#partSlot();
      this.#sendGathered();
    }
  }

  #sendGathered(): void {
    const part = this.#part;
    if (part === null) return;
    this.#part = null;
    this.#sendAfterAppend = false;
    this.#sender.send(part.leave(), () => part.left());
  }

  async #partSlot(): Promise<void> {
    while (this.#sender.inFlight >= this.#limits.parallelParts) {
      await this.#sender.partSettled();
      this.#check();
    }
  }

  #send(length: number): void {
    this.#requirePartNumber();
    const { body, release } = this.#buffer.takeOut(length);
    this.#sum.add(body.checksum, body.byteLength);
    this.#sender.send(body, release);
  }

  #requirePartNumber(): void {
    if (this.#sender.nextPart <= s3PartLimits.parts) return;
    throw new Fault(
      'too-large',
      `the file needs more than ${s3PartLimits.parts} parts; raise the settings upload.memory and upload.scratch.limit for larger files`,
    );
  }
}

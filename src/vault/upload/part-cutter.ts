import { JoinedChecksum } from '../../bytes/checksums/combine.js';
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
 * Bytes of a part that is gathered on disk go there in stretches of this size. Less than the reserve, so that whoever
 * gathers on disk never waits for memory.
 */
const stretchBytes = reserveBytes - 4 * blockBytes;

/**
 * Cuts the bytes of one upload that are in order into parts. Those that memory may hold leave from there; larger ones are
 * gathered on disk first, stretch by stretch, and leave from there. Calls that wait must not overlap.
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
  /** The part that is gathered on disk: its bytes count as sent. */
  #part: ScratchPart | null = null;
  #appending = false;
  #leavesSoon = false;

  /** `check` throws when the upload has failed; `sent` are the parts that S3 has already. */
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

  /** Of all bytes that have been cut off. */
  get checksum(): Checksum {
    return this.#sum.checksum;
  }

  /**
   * Whether a part, or the next stretch of one that is gathered on disk, is whole. The first part only leaves when there is
   * more: a file of one part is a PutObject.
   */
  isDue(size: number): boolean {
    const planned = this.#plannedBytes();
    const { frontier, sentEnd } = this.#buffer;
    const waiting = frontier - sentEnd;
    if (waiting < stretchBytes && waiting < planned - this.#gathered) return false;
    if (planned > this.#schedule.memoryPartBytes) return true;
    return waiting >= planned && (sentEnd > 0 || size > planned);
  }

  /** Sends, or gathers, all that is due. */
  async cut(size: number): Promise<void> {
    while (this.isDue(size)) {
      if (this.#gathersOnDisk) {
        await this.#gather(Math.min(stretchBytes, this.#plannedBytes() - this.#gathered));
      } else {
        await this.#partSlot();
        this.#send(this.#plannedBytes());
      }
    }
  }

  /** Sends what is left, as the last part. */
  async finish(): Promise<void> {
    const rest = this.#buffer.frontier - this.#buffer.sentEnd;
    if (this.#part !== null && rest > 0) await this.#gather(rest);
    if (this.#part !== null || rest > 0) await this.#partSlot();
    if (this.#part !== null) this.#sendGathered();
    else if (this.#buffer.sentEnd < this.#buffer.frontier) this.#send(rest);
  }

  /**
   * While memory is short and nothing of this upload is on its way, what is there goes as a part that is smaller than
   * planned: otherwise uploads would wait for each other with full hands.
   */
  sendShort(): void {
    if (this.#sender.inFlight > 0 || this.#gathersOnDisk) return;
    const waiting = this.#buffer.frontier - this.#buffer.sentEnd;
    const whole = Math.min(waiting - (waiting % blockBytes), this.#plannedBytes());
    if (whole >= s3PartLimits.smallestBytes) this.#send(whole);
  }

  /** The same for scratch space: see `ScratchHolder`. */
  sendShortGathered(): boolean {
    if (this.#gathered < s3PartLimits.smallestBytes) return false;
    if (this.#appending) this.#leavesSoon = true;
    else this.#sendGathered();
    return true;
  }

  /** Sends what an upload that breaks off has, in parts that more can follow. Nothing else may be under way. */
  sendUnfinished(): void {
    if (this.#gathered >= s3PartLimits.smallestBytes) this.#sendGathered();
    while (this.#part === null) {
      const waiting = this.#buffer.frontier - this.#buffer.sentEnd;
      const whole = Math.min(waiting - (waiting % blockBytes), this.#plannedBytes());
      if (whole < s3PartLimits.smallestBytes) return;
      this.#send(whole);
    }
  }

  /** Gives the disk back of what was gathered and will not be sent. */
  async abandon(): Promise<void> {
    const part = this.#part;
    this.#part = null;
    await part?.abandon();
  }

  #plannedBytes(): number {
    return this.#schedule.sizeOf(this.#sender.nextPart, this.#buffer.sentEnd - this.#gathered);
  }

  get #gathered(): number {
    return this.#part === null ? 0 : this.#part.byteLength;
  }

  get #gathersOnDisk(): boolean {
    return this.#part !== null || this.#plannedBytes() > this.#schedule.memoryPartBytes;
  }

  /** Brings the next bytes to the part on disk, and sends it when it is full. */
  async #gather(length: number): Promise<void> {
    this.#requirePartNumber();
    const waiting = this.#scratch.roomForPart(length, this.#holder);
    if (waiting !== null) await waiting;
    // While this waited, the part may have been sent as it was.
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
    if (this.#leavesSoon) this.#sendGathered();
    else if (part.byteLength >= this.#plannedBytes()) {
      await this.#partSlot();
      this.#sendGathered();
    }
  }

  #sendGathered(): void {
    const part = this.#part;
    if (part === null) return;
    this.#part = null;
    this.#leavesSoon = false;
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
      `the file needs more than ${s3PartLimits.parts} parts; raise uploadMemoryBytes and scratchLimitBytes for longer files`,
    );
  }
}

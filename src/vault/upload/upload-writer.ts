import { setMaxListeners } from 'node:events';
import { Turns } from '../../concurrency/turns.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { PartSource, WrittenObject } from '../../model/object-store.js';
import { type ParkedUpload, parkedBytes } from '../../model/parked-uploads.js';
import type { VaultLimits } from '../limits.js';
import type { UploadOptions, UploadTarget, UploadWriter } from '../vault.js';
import { ByteRanges } from './byte-ranges.js';
import { ClientPresence } from './client-presence.js';
import { isWorthKeeping } from './parked.js';
import { PartCutter } from './part-cutter.js';
import type { PartSchedule } from './part-schedule.js';
import { PartSender, type VaultServices } from './part-sender.js';
import type { ScratchSpace } from './scratch-file.js';
import type { ScratchHolder } from './scratch-quota.js';
import type { UploadBuffer } from './upload-buffer.js';
import { UploadIntake } from './upload-intake.js';
import { blockBytes, type UploadMemory, type UploadShare } from './upload-memory.js';

/** What all uploads of a process share. */
export interface UploadServices extends VaultServices {
  readonly limits: VaultLimits;
  readonly schedule: PartSchedule;
  readonly memory: UploadMemory;
  readonly scratch: ScratchSpace;
}

/** What a writer begins with: nothing, an upload that is resumed, or an object that is copied before its first byte. */
export interface WriterOptions extends Pick<UploadOptions, 'resumable' | 'resume'> {
  readonly head?: PartSource | null;
}

/** One upload: takes bytes, puts them in order, has them cut into parts, and ends as an object or as nothing. See `UploadWriter`. */
export class PartUploadWriter implements UploadWriter {
  readonly #services: UploadServices;
  readonly #share: UploadShare;
  readonly #intake: UploadIntake;
  readonly #buffer: UploadBuffer;
  readonly #sender: PartSender;
  readonly #cutter: PartCutter;
  readonly #turns = new Turns();
  /** Ends every request to S3. */
  readonly #cancel = new AbortController();
  /** Ends every wait for room. */
  readonly #leaving = new AbortController();
  readonly #isResumable: boolean;
  readonly #head: PartSource | null;
  readonly #client: ClientPresence;
  readonly #onEnd: () => void;
  /** Ranges that a set size has added and that nobody has written: zeros, unless bytes come. */
  readonly #zeros = new ByteRanges();
  #size = 0;
  #fault: Fault | null = null;
  #state: 'open' | 'committing' | 'ended' = 'open';
  #waitsForMemory = false;
  #disposed = false;

  /** `onEnd` is called once, when the writer was disposed or parked. */
  constructor(
    services: UploadServices,
    call: Call,
    target: UploadTarget,
    { resumable = false, resume = null, head = null }: WriterOptions,
    onEnd: () => void,
  ) {
    this.#services = services;
    this.#onEnd = onEnd;
    this.#isResumable = resumable;
    this.#head = head;
    this.#size = resume === null ? 0 : parkedBytes(resume);
    this.#share = services.memory.openShare();
    const holder: ScratchHolder = {
      signal: this.#leaving.signal,
      sendGathered: () => this.#fault === null && this.#cutter.sendShortGathered(),
    };
    const { reorderWindowBytes } = services.limits;
    this.#intake = new UploadIntake(
      this.#share,
      services.scratch,
      holder,
      reorderWindowBytes,
      services.store.checksumAlgorithm,
      () => this.#waitForMemory(),
      this.#size,
    );
    this.#buffer = this.#intake.buffer;
    const settled = (fault: Fault | null) => this.#partSettled(fault);
    this.#sender = new PartSender(services, call, target, this.#cancel, settled, resume);
    const sent = head === null ? (resume?.parts ?? []) : [head];
    this.#cutter = new PartCutter(services, this.#buffer, this.#sender, holder, () => this.#check(), sent);
    // One upload may have many requests.
    setMaxListeners(0, this.#cancel.signal, this.#leaving.signal);
    this.#client = new ClientPresence(() => {
      const fault = new Fault('cancelled', 'the upload was cancelled');
      if (resumable) this.#leave(fault);
      else this.#stick(fault);
    });
    this.#client.follow(call);
  }

  /** Without the head. */
  get size(): number {
    return this.#size;
  }

  adopt(call: Call): void {
    this.#client.follow(call);
  }

  /** Has the head copied: to be called first, where there is one. */
  async copyHead(): Promise<void> {
    try {
      if (this.#head !== null) await this.#sender.copyFirst(this.#head);
    } catch (error) {
      throw this.#stick(error);
    }
  }

  async write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    this.#check();
    if (!this.#turns.tryEnter()) await this.#turns.enter();
    try {
      this.#check();
      this.#refuseSent(offset, 'rewriting');
      let position = offset;
      for (const chunk of chunks) {
        for (let from = 0; from < chunk.byteLength; ) {
          const length = Math.min(chunk.byteLength - from, blockBytes - (position % blockBytes));
          const piece = length === chunk.byteLength ? chunk : chunk.subarray(from, from + length);
          const waiting = this.#intake.place(position, piece);
          if (waiting !== null) await waiting;
          from += length;
          position += length;
          if (position > this.#size) this.#grow(position);
          if (this.#cutter.isDue(this.#size)) await this.#cutter.cut(this.#size);
        }
      }
      if (position > offset) this.#zeros.remove(offset, position);
      if (this.#intake.mayDrain) await this.#drainScratch();
    } catch (error) {
      throw this.#stick(error);
    } finally {
      this.#turns.leave();
    }
  }

  async truncate(size: number): Promise<void> {
    this.#check();
    await this.#turns.enter();
    try {
      this.#check();
      if (size < this.#size) {
        this.#refuseSent(size, 'cutting');
        this.#intake.cut(size);
        this.#zeros.remove(size, Number.MAX_SAFE_INTEGER);
        this.#size = size;
      } else if (size > this.#size) {
        const end = this.#size;
        this.#grow(size);
        this.#zeros.add(end, size);
      }
    } catch (error) {
      throw this.#stick(error);
    } finally {
      this.#turns.leave();
    }
  }

  setMtime(mtimeSeconds: number): void {
    this.#sender.setMtime(mtimeSeconds);
  }

  async commit(call: Call): Promise<WrittenObject> {
    this.#check();
    // The client has sent everything: from here on the upload goes on without it.
    this.#state = 'committing';
    this.#client.release();
    await this.#turns.enter();
    try {
      this.#check();
      await this.#fillGaps();
      const isWhole = this.#buffer.sentEnd === 0 && this.#head === null;
      const written = await (isWhole
        ? this.#sender.put(call, this.#buffer.wholeBody())
        : this.#completeParts(call));
      this.#state = 'ended';
      await this.#intake[Symbol.asyncDispose]();
      return written;
    } catch (error) {
      this.#state = 'open';
      throw this.#stick(error);
    } finally {
      this.#turns.leave();
    }
  }

  async #completeParts(call: Call): Promise<WrittenObject> {
    await this.#cutter.finish();
    await this.#sender.allSettled();
    this.#check();
    const size = this.#size + (this.#head?.size ?? 0);
    return this.#sender.complete(call, { size, checksum: this.#cutter.checksum });
  }

  async park(): Promise<ParkedUpload | null> {
    if (!this.#isResumable || this.#disposed || this.#state !== 'open') return null;
    if (this.#fault !== null && !isWorthKeeping(this.#fault)) return null;
    this.#leave(new Fault('cancelled', 'the upload was broken off'));
    await this.#turns.enter();
    try {
      // A commit or a disposal may have come first.
      if (this.#disposed || this.#state !== 'open') return null;
      if (!this.#cancel.signal.aborted) this.#cutter.sendUnfinished();
      const parked = await this.#sender.park();
      if (parked === null) return null;
      this.#disposed = true;
      this.#state = 'ended';
      this.#client.release();
      await this.#cutter.abandon();
      await this.#intake[Symbol.asyncDispose]();
      this.#onEnd();
      return parked;
    } finally {
      this.#turns.leave();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    // A commit that has begun is waited for: the client has sent everything.
    if (this.#state === 'open') {
      this.#stick(new Fault('cancelled', 'the upload was given up'));
      this.#cancel.abort();
    }
    await this.#turns.enter();
    try {
      this.#state = 'ended';
      this.#client.release();
      await this.#sender.discard();
      await this.#cutter.abandon();
      await this.#intake[Symbol.asyncDispose]();
    } finally {
      this.#turns.leave();
      this.#onEnd();
    }
  }

  #check(): void {
    if (this.#fault !== null) throw this.#fault;
    if (this.#state !== 'open' && this.#state !== 'committing') {
      throw new Fault('invalid', 'the upload is finished');
    }
  }

  /** Keeps the first fault, ends what is on the way, answers the fault to throw. */
  #stick(error: unknown): Fault {
    if (this.#fault !== null) return this.#fault;
    const fault = Fault.from(error);
    this.#leave(fault);
    this.#cancel.abort();
    return fault;
  }

  /** Takes no more bytes. Parts on the way go on. */
  #leave(fault: Fault): void {
    this.#fault ??= fault;
    this.#leaving.abort();
  }

  #refuseSent(offset: number, what: string): void {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new Fault('invalid', `${offset} is no offset in a file`);
    }
    if (offset >= this.#buffer.sentEnd) return;
    throw new Fault(
      'unsupported',
      `${what} bytes before ${this.#buffer.sentEnd} is not possible any more: they have been sent to S3; send the file again from its beginning`,
    );
  }

  #grow(size: number): void {
    const { reachBytes } = this.#services.schedule;
    if (size > reachBytes) {
      throw new Fault(
        'too-large',
        `the file is longer than ${reachBytes} bytes, the most for this scratchLimitBytes and uploadMemoryBytes; raise them for longer files`,
      );
    }
    this.#size = size;
  }

  async #drainScratch(): Promise<void> {
    while (this.#intake.mayDrain) {
      await this.#intake.drainSome();
      if (this.#cutter.isDue(this.#size)) await this.#cutter.cut(this.#size);
    }
  }

  /** Fills what a set size has added with zeros. Throws `invalid` for a gap that nothing explains. */
  async #fillGaps(): Promise<void> {
    const { zeroFillLimitBytes } = this.#services.limits;
    let filled = 0;
    while (this.#buffer.frontier < this.#size) {
      const start = this.#buffer.frontier;
      const end = Math.min(this.#size, this.#intake.gapEnd ?? this.#size);
      if (!this.#zeros.covers(start, end)) {
        throw new Fault('invalid', `the bytes ${start} to ${end - 1} of the file never came`);
      }
      filled += end - start;
      if (filled > zeroFillLimitBytes) {
        throw new Fault(
          'too-large',
          `the file was set to ${this.#size} bytes but most were never written; at most ${zeroFillLimitBytes} are filled with zeros`,
        );
      }
      for (let left = end - start; left > 0; ) {
        left -= await this.#intake.zeroSome(end);
        if (this.#cutter.isDue(this.#size)) await this.#cutter.cut(this.#size);
      }
      await this.#drainScratch();
    }
  }

  async #waitForMemory(): Promise<Buffer> {
    this.#waitsForMemory = true;
    try {
      this.#sendShortPart();
      return await this.#share.take(this.#leaving.signal);
    } catch (error) {
      throw this.#fault ?? error;
    } finally {
      this.#waitsForMemory = false;
    }
  }

  #sendShortPart(): void {
    if (this.#waitsForMemory && this.#fault === null) this.#cutter.sendShort();
  }

  #partSettled(fault: Fault | null): void {
    try {
      if (fault !== null) throw fault;
      this.#sendShortPart();
    } catch (error) {
      this.#stick(error);
    }
  }
}

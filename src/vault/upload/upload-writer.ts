import { setMaxListeners } from 'node:events';
import { Mutex } from '../../concurrency/mutex.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { PartSource, WrittenObject } from '../../model/object-store.js';
import { type ParkedUpload, parkedBytes } from '../../model/parked-uploads.js';
import type { FileWriter, UploadTarget } from '../vault.js';
import { ClientSignal } from './client-signal.js';
import { isWorthParking } from './parked.js';
import { PartCutter } from './part-cutter.js';
import { PartSender } from './part-sender.js';
import type { ScratchHolder } from './scratch-quota.js';
import type { UploadBuffer } from './upload-buffer.js';
import { blockBytes, type UploadShare } from './upload-memory.js';
import { UploadReceiver } from './upload-receiver.js';
import type { UploadServices, WriterOptions } from './upload-services.js';

/** One upload: receives bytes, orders them and has them cut into parts. See `UploadWriter`. */
export class PartUploadWriter implements FileWriter {
  readonly #services: UploadServices;
  readonly #share: UploadShare;
  readonly #intake: UploadReceiver;
  readonly #buffer: UploadBuffer;
  readonly #sender: PartSender;
  readonly #cutter: PartCutter;
  readonly #mutex = new Mutex();
  /** Aborts every request to S3. */
  readonly #cancel = new AbortController();
  /** Aborts every wait for memory or disk. */
  readonly #intakeStopped = new AbortController();
  readonly #isResumable: boolean;
  readonly #head: PartSource | null;
  readonly #client: ClientSignal;
  readonly #onEnd: () => void;
  #size = 0;
  #fault: Fault | null = null;
  #state: 'open' | 'committing' | 'ended' = 'open';
  #waitsForMemory = false;
  #disposed = false;

  /** `onEnd` is called once, after the writer was disposed or parked. */
  constructor(
    services: UploadServices,
    call: Call,
    target: UploadTarget,
    { resumable = false, resume = null, head = null, replaced = null }: WriterOptions,
    onEnd: () => void,
  ) {
    this.#services = services;
    this.#onEnd = onEnd;
    this.#isResumable = resumable;
    this.#head = head;
    this.#size = resume === null ? 0 : parkedBytes(resume);
    this.#share = services.memory.openShare();
    const holder: ScratchHolder = {
      signal: this.#intakeStopped.signal,
      sendGathered: () => this.#fault === null && this.#cutter.sendShortGathered(),
    };
    this.#intake = new UploadReceiver(
      this.#share,
      services.scratch,
      holder,
      services.limits.reorderWindowBytes,
      services.store.checksumAlgorithm,
      () => this.#waitForMemory(),
      this.#size,
    );
    this.#buffer = this.#intake.buffer;
    const settled = (fault: Fault | null) => this.#partSettled(fault);
    this.#sender = new PartSender(services, call, target, this.#cancel, settled, resume, replaced);
    const sent = head === null ? (resume?.parts ?? []) : [head];
    this.#cutter = new PartCutter(services, this.#buffer, this.#sender, holder, () => this.#check(), sent);
    // One upload may have many requests.
    setMaxListeners(0, this.#cancel.signal, this.#intakeStopped.signal);
    this.#client = new ClientSignal(() => {
      const fault = new Fault('cancelled', 'the upload was cancelled');
      if (resumable) this.#stopAccepting(fault);
      else this.#failPermanently(fault);
    });
    this.#client.follow(call);
  }

  /** Size in bytes, without the head. */
  get size(): number {
    return this.#size;
  }

  adopt(call: Call): void {
    this.#client.follow(call);
  }

  /** Copies the head, if there is one. Must be called first. */
  async copyHead(): Promise<void> {
    try {
      if (this.#head !== null) await this.#sender.copyFirst(this.#head);
    } catch (error) {
      throw this.#failPermanently(error);
    }
  }

  async write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    this.#check();
    if (!this.#mutex.tryLock()) await this.#mutex.lock();
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
      if (this.#intake.mayDrain) await this.#drainScratch();
    } catch (error) {
      throw this.#failPermanently(error);
    } finally {
      this.#mutex.unlock();
    }
    await this.#sender.turn(() => this.#buffer.waitingBytes, this.#intakeStopped.signal);
  }

  async truncate(size: number): Promise<void> {
    this.#check();
    await this.#mutex.lock();
    try {
      this.#check();
      if (size < this.#size) {
        this.#refuseSent(size, 'cutting');
        this.#intake.cut(size);
        this.#size = size;
      } else if (size > this.#size) {
        this.#grow(size);
      }
    } catch (error) {
      throw this.#failPermanently(error);
    } finally {
      this.#mutex.unlock();
    }
  }

  setMtime(mtimeSeconds: number): void {
    this.#sender.setMtime(mtimeSeconds);
  }

  async commit(call: Call): Promise<WrittenObject> {
    return await this.#finish(async () => {
      const isWhole = this.#buffer.sentEnd === 0 && this.#head === null;
      return await (isWhole ? this.#sender.put(call, this.#buffer.wholeBody()) : this.#completeParts(call));
    });
  }

  /** Runs the last step. The client has sent everything: from here on the upload continues without it. */
  async #finish<T>(last: () => Promise<T>): Promise<T> {
    this.#check();
    this.#state = 'committing';
    this.#client.release();
    await this.#mutex.lock();
    try {
      this.#check();
      await this.#fillGaps();
      const result = await last();
      this.#state = 'ended';
      await this.#intake[Symbol.asyncDispose]();
      return result;
    } catch (error) {
      this.#state = 'open';
      throw this.#failPermanently(error);
    } finally {
      this.#mutex.unlock();
    }
  }

  async #completeParts(call: Call): Promise<WrittenObject> {
    await this.#cutter.finish();
    await this.#sender.allSettled();
    this.#check();
    const size = this.#size + (this.#head?.size ?? 0);
    return this.#sender.complete(call, { size, checksum: this.#cutter.checksum });
  }

  async hold(): Promise<ParkedUpload> {
    const held = await this.#finish(async () => {
      // Only the last bytes are sent in a part that others cannot follow.
      this.#cutter.sendRemaining();
      const tail = this.#cutter.shortTail();
      await this.#cutter.finish();
      await this.#sender.allSettled();
      this.#check();
      return { upload: await this.#sender.hold(), tail };
    });
    if (held.tail !== null) this.#services.heldTails.keep(held.upload.id, held.tail);
    this.#disposed = true;
    this.#onEnd();
    return held.upload;
  }

  async park(): Promise<ParkedUpload | null> {
    if (!this.#isResumable || this.#disposed || this.#state !== 'open') return null;
    if (this.#fault !== null && !isWorthParking(this.#fault)) return null;
    this.#stopAccepting(new Fault('cancelled', 'the upload was interrupted'));
    await this.#mutex.lock();
    try {
      // A commit or a disposal may have been first.
      if (this.#disposed || this.#state !== 'open') return null;
      if (!this.#cancel.signal.aborted) this.#cutter.sendRemaining();
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
      this.#mutex.unlock();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    // Waits for a commit that has begun, because the client has sent everything.
    if (this.#state === 'open') {
      this.#failPermanently(new Fault('cancelled', 'the upload was aborted'));
      this.#cancel.abort();
    }
    await this.#mutex.lock();
    try {
      this.#state = 'ended';
      this.#client.release();
      await this.#sender.discard();
      await this.#cutter.abandon();
      await this.#intake[Symbol.asyncDispose]();
    } finally {
      this.#mutex.unlock();
      this.#onEnd();
    }
  }

  #check(): void {
    if (this.#fault !== null) throw this.#fault;
    if (this.#state !== 'open' && this.#state !== 'committing') {
      throw new Fault('invalid', 'the upload is finished');
    }
  }

  /** Records the first fault, aborts all requests and returns the fault to throw. */
  #failPermanently(error: unknown): Fault {
    if (this.#fault !== null) return this.#fault;
    const fault = Fault.from(error);
    this.#stopAccepting(fault);
    this.#cancel.abort();
    return fault;
  }

  /** Accepts no more bytes. Parts that are being sent continue. */
  #stopAccepting(fault: Fault): void {
    this.#fault ??= fault;
    this.#intakeStopped.abort();
  }

  #refuseSent(offset: number, what: string): void {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new Fault('invalid', `${offset} is not a valid file offset`);
    }
    if (offset >= this.#buffer.sentEnd) return;
    throw new Fault(
      'unsupported',
      `${what} bytes before offset ${this.#buffer.sentEnd} is no longer possible because they were sent to S3: upload the file again from the start`,
    );
  }

  #grow(size: number): void {
    const { capacityBytes } = this.#services.schedule;
    if (size > capacityBytes) {
      throw new Fault(
        'too-large',
        `the file is larger than ${capacityBytes} bytes, the maximum for the settings upload.scratch.limit and upload.memory; raise them for larger files`,
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

  /** Fills ranges that were not written with zeros, as in a file on a disk. */
  async #fillGaps(): Promise<void> {
    const { zeroFillLimitBytes } = this.#services.limits;
    let filled = 0;
    while (this.#buffer.frontier < this.#size) {
      const start = this.#buffer.frontier;
      const end = Math.min(this.#size, this.#intake.gapEnd ?? this.#size);
      filled += end - start;
      if (filled > zeroFillLimitBytes) {
        throw new Fault(
          'too-large',
          `the file has ${this.#size} bytes, but too few were written: at most ${zeroFillLimitBytes} bytes are filled with zeros`,
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
      if (this.#fault === null) this.#cutter.sendShort();
      return await this.#share.take(this.#intakeStopped.signal);
    } catch (error) {
      throw this.#fault ?? error;
    } finally {
      this.#waitsForMemory = false;
    }
  }

  #partSettled(fault: Fault | null): void {
    try {
      if (fault !== null) throw fault;
      if (this.#waitsForMemory && this.#fault === null) this.#cutter.sendShort();
    } catch (error) {
      this.#failPermanently(error);
    }
  }
}

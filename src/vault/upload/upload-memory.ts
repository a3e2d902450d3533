import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { s3PartLimits } from './part-schedule.js';

/** Upload memory is given out in blocks of this size. */
export const blockBytes = 256 * 1024;

/** What an upload of more than one block is sure of: the smallest part that S3 takes. */
export const reserveBytes = s3PartLimits.smallestBytes;
const reserveBlocks = reserveBytes / blockBytes;

/** Free blocks that are kept for the next upload however little is in use. */
const idleBlocks = (16 * 1024 * 1024) / blockBytes;

interface Waiter {
  readonly share: UploadShare;
  readonly grant: (block: Buffer) => void;
}

/**
 * The memory of all uploads of this process: a fixed number of reusable blocks, so that nothing of the data path is
 * left to the garbage collector.
 *
 * Why nobody waits for ever: an upload may hold one block freely; with the second it is admitted, which sets aside
 * its whole reserve of 5 MiB. First blocks never use up the last reserve, so some upload is always admitted. An admitted upload
 * gets every block of its reserve at once and, when it has to wait for more, holds a part that S3 takes: it sends that
 * and goes on. What arrives out of order is never counted into a reserve and never waited for. Waiting is first come, first served.
 */
export class UploadMemory {
  readonly #totalBlocks: number;
  readonly #admissionTimeoutMs: number;
  readonly #clock: Clock;
  readonly #free: Buffer[] = [];
  readonly #waiters = new Set<Waiter>();
  #claimed = 0;
  #held = 0;
  /** Blocks in use and free ones together: as many as were in use at once since the last upload ended. */
  #mostKept = idleBlocks;
  #unadmitted = 0;

  constructor(options: {
    readonly totalBytes: number;
    /** How long a new upload waits before it is refused with `over-quota`. */
    readonly admissionTimeoutMs: number;
    readonly clock: Clock;
  }) {
    this.#totalBlocks = Math.floor(options.totalBytes / blockBytes);
    if (this.#totalBlocks <= reserveBlocks) {
      throw new Fault('invalid', `upload memory must be more than ${reserveBytes} bytes`);
    }
    this.#admissionTimeoutMs = options.admissionTimeoutMs;
    this.#clock = options.clock;
  }

  /** Bytes in use, bytes in use or set aside, and uploads that wait. */
  get statistics(): { readonly heldBytes: number; readonly claimedBytes: number; readonly waiting: number } {
    return {
      heldBytes: this.#held * blockBytes,
      claimedBytes: this.#claimed * blockBytes,
      waiting: this.#waiters.size,
    };
  }

  openShare(): UploadShare {
    return new UploadShare({
      take: (share) => this.#take(share),
      takeAhead: (share) => this.#takeAhead(share),
      wait: (share, signal) => this.#wait(share, signal),
      changed: (share, before, returned) => this.#changed(share, before, returned),
      closed: () => this.#trim(),
    });
  }

  #take(share: UploadShare): Buffer | null {
    const withinReserve = share.admitted && share.held < reserveBlocks;
    if (!withinReserve && this.#waiters.size > 0) return null;
    return this.#grant(share);
  }

  /** A block if there is room for what it adds to the share's claim. */
  #grant(share: UploadShare): Buffer | null {
    const before = share.claim;
    if (share.held === 0 && !share.admitted) {
      if (this.#lacksFirstBlocks(share)) return null;
      if (this.#claimed + 1 > this.#totalBlocks) return null;
      this.#unadmitted += 1;
      share.held = 1;
    } else {
      if (!share.admitted && !this.#admit(share)) return null;
      const growth = share.held < reserveBlocks ? 0 : 1;
      if (this.#claimed - before + share.claim + growth > this.#totalBlocks) return null;
      share.held += 1;
    }
    this.#claimed += share.claim - before;
    return this.#block();
  }

  /** A first block is wanted, and those that are left belong to the last reserve. */
  #lacksFirstBlocks(share: UploadShare): boolean {
    const isFirst = share.held === 0 && !share.admitted;
    return isFirst && this.#unadmitted + 1 > this.#totalBlocks - reserveBlocks;
  }

  /** Sets the reserve aside. The caller accounts for the claim's growth. */
  #admit(share: UploadShare): boolean {
    if (this.#claimed + reserveBlocks - share.claim > this.#totalBlocks) return false;
    share.admitted = true;
    if (share.held > 0) this.#unadmitted -= 1;
    return true;
  }

  #takeAhead(share: UploadShare): Buffer | null {
    if (this.#waiters.size > 0) return null;
    const reserve = share.admitted ? 0 : reserveBlocks - share.claim;
    if (this.#claimed + reserve + 1 > this.#totalBlocks) return null;
    const before = share.claim;
    if (!share.admitted) this.#admit(share);
    share.heldAhead += 1;
    this.#claimed += share.claim - before;
    return this.#block();
  }

  #block(): Buffer {
    this.#held += 1;
    this.#mostKept = Math.max(this.#mostKept, this.#held);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  }

  async #wait(share: UploadShare, signal: AbortSignal): Promise<Buffer> {
    if (signal.aborted) throw new Fault('cancelled', 'the upload was cancelled');
    let reject: (fault: Fault) => void = () => undefined;
    let grant: (block: Buffer) => void = () => undefined;
    const promise = new Promise<Buffer>((resolve, rejectPromise) => {
      grant = resolve;
      reject = rejectPromise;
    });
    const waiter: Waiter = { share, grant };
    const refuse = (fault: Fault) => {
      if (!this.#waiters.delete(waiter)) return;
      reject(fault);
      this.#serve();
    };
    const cancelled = () =>
      refuse(new Fault('cancelled', 'the upload was cancelled while it waited for memory'));
    this.#waiters.add(waiter);
    this.#serve();
    signal.addEventListener('abort', cancelled, { once: true });
    const patience = new AbortController();
    if (!share.admitted) {
      this.#clock.sleep(this.#admissionTimeoutMs, patience.signal).then(
        () => refuse(this.#overQuota()),
        () => undefined,
      );
    }
    try {
      return await promise;
    } finally {
      patience.abort();
      signal.removeEventListener('abort', cancelled);
    }
  }

  #overQuota(): Fault {
    const mebibytes = Math.floor((this.#totalBlocks * blockBytes) / 1048576);
    return new Fault(
      'over-quota',
      `the upload memory of ${mebibytes} MiB is taken by other uploads; try again later, or raise uploadMemoryBytes`,
    );
  }

  #changed(share: UploadShare, before: number, returned: Buffer | null): void {
    this.#claimed += share.claim - before;
    if (returned !== null) {
      this.#held -= 1;
      if (!share.admitted) this.#unadmitted -= 1;
      if (this.#free.length + this.#held < this.#mostKept) this.#free.push(returned);
    }
    this.#serve();
  }

  /** An upload has ended: what the others have in use now is what they may need at once. */
  #trim(): void {
    this.#mostKept = Math.max(idleBlocks, this.#held);
    this.#free.length = Math.min(this.#free.length, this.#mostKept - this.#held);
  }

  #serve(): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of this.#waiters) {
      if (waiter.share.admitted && waiter.share.held < reserveBlocks) this.#tryServe(waiter);
    }
    for (const waiter of this.#waiters) {
      // Who waits for a first block must not hold up those whose admission makes room for first blocks.
      if (!this.#tryServe(waiter) && !this.#lacksFirstBlocks(waiter.share)) return;
    }
  }

  #tryServe(waiter: Waiter): boolean {
    const block = this.#grant(waiter.share);
    if (block === null) return false;
    this.#waiters.delete(waiter);
    waiter.grant(block);
    return true;
  }
}

interface ShareOwner {
  take(share: UploadShare): Buffer | null;
  takeAhead(share: UploadShare): Buffer | null;
  wait(share: UploadShare, signal: AbortSignal): Promise<Buffer>;
  changed(share: UploadShare, before: number, returned: Buffer | null): void;
  closed(): void;
}

/** One upload's part of the memory. Only `UploadMemory` writes its counters. */
export class UploadShare {
  readonly #owner: ShareOwner;
  admitted = false;
  /** Blocks of bytes in order, being filled or on their way to S3. */
  held = 0;
  /** Blocks of bytes that came before their turn. */
  heldAhead = 0;

  constructor(owner: ShareOwner) {
    this.#owner = owner;
  }

  /** What this share takes from the whole, in blocks. */
  get claim(): number {
    return (this.admitted ? Math.max(this.held, reserveBlocks) : this.held) + this.heldAhead;
  }

  /** A block for the next bytes in order; null when it has to be waited for. */
  tryTake(): Buffer | null {
    return this.#owner.take(this);
  }

  /** A block for the next bytes in order. Throws `over-quota` (not admitted in time) or `cancelled`. */
  take(signal: AbortSignal): Promise<Buffer> {
    return this.#owner.wait(this, signal);
  }

  /** A block for bytes that came before their turn; null when memory is short. */
  tryTakeAhead(): Buffer | null {
    return this.#owner.takeAhead(this);
  }

  /** The turn of a block's bytes has come. */
  putInOrder(): void {
    const before = this.claim;
    this.heldAhead -= 1;
    this.held += 1;
    this.#owner.changed(this, before, null);
  }

  giveBack(block: Buffer): void {
    const before = this.claim;
    this.held -= 1;
    this.#owner.changed(this, before, block);
  }

  giveBackAhead(block: Buffer): void {
    const before = this.claim;
    this.heldAhead -= 1;
    this.#owner.changed(this, before, block);
  }

  /** Gives up the reserve, after the last block came back. */
  close(): void {
    const before = this.claim;
    this.admitted = false;
    this.#owner.changed(this, before, null);
    this.#owner.closed();
  }
}

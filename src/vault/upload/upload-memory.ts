import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { s3PartLimits } from './part-schedule.js';

/** Block size of the upload memory, in bytes. */
export const blockBytes = 256 * 1024;

/** Memory that is reserved for each upload of more than one block: the smallest part that S3 accepts. */
export const reserveBytes = s3PartLimits.minBytes;
const reserveBlocks = reserveBytes / blockBytes;

/** Number of free blocks that are always kept for the next upload. */
const idleBlocks = (16 * 1024 * 1024) / blockBytes;

interface Waiter {
  readonly share: UploadShare;
  readonly grant: (block: Buffer) => void;
}

/**
 * The memory of all uploads of this process: a fixed number of reusable blocks, so that the data path leaves
 * nothing to the garbage collector.
 *
 * No upload waits forever. An upload may hold one block freely; with the second it is admitted, which
 * reserves 5 MiB. First blocks never use up the last reserve, so some upload can always be admitted. An
 * admitted upload gets every block of its reserve immediately. If it has to wait for more, it holds enough
 * for a part that S3 accepts, sends it and continues. Bytes that arrive out of order never count towards a
 * reserve, and no upload waits for memory for them. Waiting uploads are served in order of arrival.
 */
export class UploadMemory {
  readonly #totalBlocks: number;
  readonly #admissionTimeoutMs: number;
  readonly #clock: Clock;
  readonly #free: Buffer[] = [];
  readonly #waiters = new Set<Waiter>();
  #claimed = 0;
  #held = 0;
  /** Max number of blocks in use and free: the peak use since the last upload ended. */
  #maxKeptBlocks = idleBlocks;
  #unadmitted = 0;

  constructor(options: {
    readonly totalBytes: number;
    /** Time that a new upload waits before it is refused with `over-quota`. */
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

  /** Bytes in use, bytes in use or reserved, and the number of waiting uploads. */
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

  /** Returns a block if there is space for what it adds to the share's claim, else null. */
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

  /** Returns whether the share needs a first block and the remaining blocks belong to the last reserve. */
  #lacksFirstBlocks(share: UploadShare): boolean {
    const isFirst = share.held === 0 && !share.admitted;
    return isFirst && this.#unadmitted + 1 > this.#totalBlocks - reserveBlocks;
  }

  /** Reserves memory for the share. The caller accounts for the claim's growth. */
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
    this.#maxKeptBlocks = Math.max(this.#maxKeptBlocks, this.#held);
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
      `the upload memory of ${mebibytes} MiB is used by other uploads; try again later, or raise the setting upload.memory`,
    );
  }

  #changed(share: UploadShare, before: number, returned: Buffer | null): void {
    this.#claimed += share.claim - before;
    if (returned !== null) {
      this.#held -= 1;
      if (!share.admitted) this.#unadmitted -= 1;
      if (this.#free.length + this.#held < this.#maxKeptBlocks) this.#free.push(returned);
    }
    this.#serve();
  }

  /** Frees spare blocks after an upload has ended, down to what the others use now. */
  #trim(): void {
    this.#maxKeptBlocks = Math.max(idleBlocks, this.#held);
    this.#free.length = Math.min(this.#free.length, this.#maxKeptBlocks - this.#held);
  }

  #serve(): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of this.#waiters) {
      if (waiter.share.admitted && waiter.share.held < reserveBlocks) this.#tryServe(waiter);
    }
    for (const waiter of this.#waiters) {
      // A share that waits for a first block must not delay shares whose admission frees first blocks.
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

/** One upload's share of the memory. Only `UploadMemory` changes its counters. */
export class UploadShare {
  readonly #owner: ShareOwner;
  admitted = false;
  /** Blocks of ordered bytes that are being filled or sent. */
  held = 0;
  /** Blocks of bytes that arrived out of order. */
  heldAhead = 0;

  constructor(owner: ShareOwner) {
    this.#owner = owner;
  }

  /** Blocks that this share uses or reserves. */
  get claim(): number {
    return (this.admitted ? Math.max(this.held, reserveBlocks) : this.held) + this.heldAhead;
  }

  /** Returns a block for the next bytes in order, or null if the caller has to wait. */
  tryTake(): Buffer | null {
    return this.#owner.take(this);
  }

  /**
   * Waits for a block for the next bytes in order. Throws `over-quota` (not admitted in time) or `cancelled`.
   */
  take(signal: AbortSignal): Promise<Buffer> {
    return this.#owner.wait(this, signal);
  }

  /** Returns a block for bytes that arrived out of order, or null if memory is short. */
  tryTakeAhead(): Buffer | null {
    return this.#owner.takeAhead(this);
  }

  /** Records that a block's bytes are now in order. */
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

  releaseAhead(block: Buffer): void {
    const before = this.claim;
    this.heldAhead -= 1;
    this.#owner.changed(this, before, block);
  }

  /** Releases the reserve, after the last block was returned. */
  close(): void {
    const before = this.claim;
    this.admitted = false;
    this.#owner.changed(this, before, null);
    this.#owner.closed();
  }
}

import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';

/** An upload that uses scratch space. */
export interface ScratchHolder {
  /** Aborts its waits. */
  readonly signal: AbortSignal;
  /**
   * Sends the part that it is gathering on disk, although it is smaller than planned. Returns false if there
   * is none to send.
   */
  sendGathered(): boolean;
}

interface Waiter {
  readonly holder: ScratchHolder;
  readonly bytes: number;
  readonly grant: () => void;
  readonly refuse: (fault: Fault) => void;
  /** Whether it may wait while no part is being sent. */
  readonly patient: boolean;
}

/**
 * The disk space of all scratch files together. If it is full, uploads wait in order of arrival for parts
 * that are being sent to S3. If no part is being sent, unfinished parts of any upload are sent smaller than
 * planned. This way, waiting uploads and stalled clients do not block the others.
 */
export class ScratchQuota {
  readonly #limitBytes: number;
  readonly #patienceMs: number;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  readonly #gathering = new Set<ScratchHolder>();
  #usedBytes = 0;
  #leavingBytes = 0;

  constructor(options: {
    readonly limitBytes: number;
    /**
     * Time that a part waits for space while no part is being sent, before it is refused with `over-quota`.
     */
    readonly patienceMs: number;
    readonly clock: Clock;
  }) {
    this.#limitBytes = options.limitBytes;
    this.#patienceMs = options.patienceMs;
    this.#clock = options.clock;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Reserves space for bytes that arrived out of order. Waits only while parts are being sent. Throws
   * `over-quota` or `cancelled`.
   */
  takeForKept(bytes: number, holder: ScratchHolder): Promise<void> | null {
    return this.#take(bytes, holder, false);
  }

  /**
   * Reserves space for a stretch of a part. Returns null if it is free immediately. Throws `over-quota` or
   * `cancelled`.
   */
  takeForPart(bytes: number, holder: ScratchHolder): Promise<void> | null {
    return this.#take(bytes, holder, true);
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#serve();
  }

  /** Records that the holder is gathering a part, which it could send. */
  gathers(holder: ScratchHolder): void {
    this.#gathering.add(holder);
  }

  /** Records that the holder's part is complete or was aborted. */
  gathersNoMore(holder: ScratchHolder): void {
    this.#gathering.delete(holder);
  }

  /** Records that these bytes are being sent and will be released. */
  leave(bytes: number): void {
    this.#leavingBytes += bytes;
  }

  /** Releases bytes that were being sent. */
  left(bytes: number): void {
    this.#leavingBytes -= bytes;
    this.giveBack(bytes);
  }

  #take(bytes: number, holder: ScratchHolder, patient: boolean): Promise<void> | null {
    if (this.#waiters.size === 0 && this.#usedBytes + bytes <= this.#limitBytes) {
      this.#usedBytes += bytes;
      return null;
    }
    return this.#wait(bytes, holder, patient);
  }

  async #wait(bytes: number, holder: ScratchHolder, patient: boolean): Promise<void> {
    if (bytes > this.#limitBytes) throw this.#overQuota();
    const { signal } = holder;
    if (signal.aborted) throw new Fault('cancelled', 'the upload was cancelled');
    const settled = new AbortController();
    let cancelled = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter: Waiter = { holder, bytes, grant: resolve, refuse: reject, patient };
        cancelled = () => {
          this.#refuse(
            waiter,
            new Fault('cancelled', 'the upload was cancelled while it waited for disk space'),
          );
        };
        signal.addEventListener('abort', cancelled, { once: true });
        this.#waiters.add(waiter);
        if (patient) void this.#losePatience(waiter, settled.signal);
        this.#serve();
      });
    } finally {
      settled.abort();
      signal.removeEventListener('abort', cancelled);
    }
  }

  async #losePatience(waiter: Waiter, settled: AbortSignal): Promise<void> {
    do {
      const waited = await this.#clock.sleep(this.#patienceMs, settled).then(
        () => true,
        () => false,
      );
      if (!waited) return;
    } while (this.#leavingBytes > 0);
    this.#refuse(waiter, this.#overQuota());
  }

  #refuse(waiter: Waiter, fault: Fault): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.refuse(fault);
    this.#serve();
  }

  #serve(): void {
    for (const waiter of this.#waiters) {
      if (this.#usedBytes + waiter.bytes > this.#limitBytes) break;
      this.#waiters.delete(waiter);
      this.#usedBytes += waiter.bytes;
      waiter.grant();
    }
    if (this.#waiters.size === 0 || this.#leavingBytes > 0) return;
    for (const holder of this.#gathering) if (holder.sendGathered()) return;
    for (const waiter of this.#waiters) if (!waiter.patient) this.#refuse(waiter, this.#overQuota());
  }

  #overQuota(): Fault {
    return new Fault(
      'over-quota',
      `the scratch space of ${this.#limitBytes} bytes is full; send the file in order, send fewer files in parallel, or raise the setting upload.scratch.limit`,
    );
  }
}

import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';

/** An upload that takes scratch space. */
export interface ScratchHolder {
  /** Ends its waits. */
  readonly signal: AbortSignal;
  /** Sends the part that it gathers on disk, though it is smaller than planned. False when there is none to send. */
  sendGathered(): boolean;
}

interface Waiter {
  readonly holder: ScratchHolder;
  readonly bytes: number;
  readonly grant: () => void;
  readonly refuse: (fault: Fault) => void;
  /** May wait for holders of which nothing is on its way. */
  readonly patient: boolean;
}

/**
 * The disk that the scratch files of all uploads take together. Who finds it full waits, first come, first served, for parts
 * that are on their way to S3; when none is, parts that are still gathered are sent smaller than planned, whoever's they
 * are, so that neither uploads with full hands nor clients that stand still hold up the others.
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
    /** How long a part waits for room while nothing is on its way, before it is refused with `over-quota`. */
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

  /** Room for bytes that came out of order: waits only while parts are on their way. Throws `over-quota` or `cancelled`. */
  takeForKept(bytes: number, holder: ScratchHolder): Promise<void> | null {
    return this.#take(bytes, holder, false);
  }

  /** Room for a stretch of a part. Null when it is there at once. Throws `over-quota` or `cancelled`. */
  takeForPart(bytes: number, holder: ScratchHolder): Promise<void> | null {
    return this.#take(bytes, holder, true);
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#serve();
  }

  /** The holder has begun a part, which it could send. */
  gathers(holder: ScratchHolder): void {
    this.#gathering.add(holder);
  }

  /** The holder's part is gathered no more: it is on its way, or was given up. */
  gathersNoMore(holder: ScratchHolder): void {
    this.#gathering.delete(holder);
  }

  /** These bytes are on their way, and will come back. */
  leave(bytes: number): void {
    this.#leavingBytes += bytes;
  }

  /** Bytes that were on their way are not needed any more. */
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
          this.#refuse(waiter, new Fault('cancelled', 'the upload was cancelled while it waited for room'));
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
      `the scratch space of ${this.#limitBytes} bytes is full; send the file from its beginning to its end, send fewer files at a time, or raise scratchLimitBytes`,
    );
  }
}

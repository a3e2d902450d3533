import { Fault } from '../../model/fault.js';
import type {
  BegunWrite,
  Confirmation,
  Intent,
  IntentId,
  KeyLedger,
  LedgerRow,
  PendingRemoval,
  Removal,
  RemovalId,
} from '../../model/ledger.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { ParkedParts, ParkedUpload, ParkedUploads } from '../../model/parked-uploads.js';

/** The operations that a hook can intercept. */
export type LedgerStep =
  | 'intend'
  | 'attachUpload'
  | 'confirm'
  | 'abandon'
  | 'beginRemoval'
  | 'endRemoval'
  | 'recordMtime'
  | 'park'
  | 'unpark';

/** Hooks for a test. The caller sees the fault that a hook throws. */
export interface LedgerHooks {
  before?: (step: LedgerStep) => void | Promise<void>;
  after?: (step: LedgerStep) => void | Promise<void>;
}

/**
 * A ledger in memory that implements `KeyLedger` and `ParkedUploads`. Its content stands for what would be on
 * disk.
 */
export class MemoryLedger implements KeyLedger, ParkedUploads {
  readonly rows = new Map<IntentId, LedgerRow>();
  readonly #parked = new Map<IntentId, ParkedUpload>();
  readonly removals = new Map<RemovalId, PendingRemoval>();
  #removals = 0;
  readonly steps: LedgerStep[] = [];
  hooks: LedgerHooks = {};
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => Date.now()) {
    this.#nowMs = nowMs;
  }

  async intend(intent: Intent): Promise<IntentId> {
    return (await this.begin(intent)).id;
  }

  begin(intent: Intent): Promise<BegunWrite> {
    return this.#step('intend', () => {
      const isFirst = !this.#rowsOf(intent.ref).some(
        ({ state }) => state === 'confirmed' || state === 'intended',
      );
      const id = `row-${this.rows.size + 1}` as IntentId;
      this.rows.set(id, {
        ...intent,
        id,
        state: 'intended',
        uploadId: null,
        confirmation: null,
        intendedMs: this.#nowMs(),
        settledMs: null,
      });
      return { id, isFirst };
    });
  }

  attachUpload(id: IntentId, uploadId: string): Promise<void> {
    return this.#step('attachUpload', () => this.#change(this.#intended(id), { uploadId }));
  }

  confirm(id: IntentId, confirmation: Confirmation): Promise<void> {
    return this.#step('confirm', () =>
      this.#change(this.#intended(id), { state: 'confirmed', confirmation, settledMs: this.#nowMs() }),
    );
  }

  /** The caller does not see the fault of a hook. */
  async confirmSoon(id: IntentId, confirmation: Confirmation): Promise<{ readonly saved: Promise<void> }> {
    return { saved: this.confirm(id, confirmation) };
  }

  abandon(id: IntentId): Promise<void> {
    return this.#step('abandon', () =>
      this.#change(this.#intended(id), { state: 'abandoned', settledMs: this.#nowMs() }),
    );
  }

  beginRemoval(removal: Removal): Promise<RemovalId> {
    return this.#step('beginRemoval', () => {
      this.#removals += 1;
      const id = `removal-${this.#removals}` as RemovalId;
      this.removals.set(id, { ...removal, id });
      return id;
    });
  }

  endRemoval(id: RemovalId, isGone: boolean): Promise<void> {
    return this.#step('endRemoval', () => {
      const removal = this.removals.get(id);
      this.removals.delete(id);
      if (removal === undefined || !isGone) return;
      for (const row of this.#rowsOf(removal.ref)) {
        if (row.state === 'confirmed') this.#change(row, { state: 'removed' });
      }
    });
  }

  async pendingRemovals(): Promise<readonly PendingRemoval[]> {
    return [...this.removals.values()];
  }

  recordMtime(ref: ObjectRef, etag: string, mtimeSeconds: number): Promise<boolean> {
    return this.#step('recordMtime', () => {
      const row = this.#rowsOf(ref).findLast((candidate) => candidate.state === 'confirmed');
      if (row?.confirmation?.etag !== etag) return false;
      this.#change(row, { confirmation: { ...row.confirmation, mtimeSeconds } });
      return true;
    });
  }

  async candidates(ref: ObjectRef): Promise<readonly LedgerRow[]> {
    const rows = this.#rowsOf(ref).reverse();
    const confirmed = rows.find((row) => row.state === 'confirmed');
    const intended = rows.filter((row) => row.state === 'intended');
    return confirmed === undefined ? intended : [confirmed, ...intended];
  }

  async pending(olderThanMs: number): Promise<readonly LedgerRow[]> {
    return [...this.rows.values()].filter(
      (row) => row.state === 'intended' && row.intendedMs < olderThanMs && !this.#parked.has(row.id),
    );
  }

  park(kept: ParkedParts): Promise<ParkedUpload> {
    return this.#step('park', () => {
      const { ref, sealedWith, actor, uploadId } = this.#intended(kept.id);
      if (uploadId === null) throw new Fault('bug', `row ${kept.id} has no upload`);
      const shown = { shownKey: kept.shownKey ?? null, isComplete: kept.isComplete ?? false };
      const upload = { ...kept, ...shown, ref, sealedWith, actor, uploadId, parkedMs: this.#nowMs() };
      this.#parked.set(kept.id, upload);
      return upload;
    });
  }

  unpark(id: IntentId): Promise<boolean> {
    return this.#step('unpark', () => this.#parked.delete(id));
  }

  async setMtime(id: IntentId, mtimeSeconds: number): Promise<boolean> {
    const upload = this.#parked.get(id);
    if (upload !== undefined) this.#parked.set(id, { ...upload, mtimeSeconds });
    return upload !== undefined;
  }

  ownParked(): Promise<readonly ParkedUpload[]> {
    return this.parked();
  }

  async parked(): Promise<readonly ParkedUpload[]> {
    return [...this.#parked.values()].filter(({ id }) => this.rows.get(id)?.state === 'intended');
  }

  #rowsOf(ref: ObjectRef): LedgerRow[] {
    return [...this.rows.values()].filter((row) => row.ref.bucket === ref.bucket && row.ref.key === ref.key);
  }

  #intended(id: IntentId): LedgerRow {
    const row = this.rows.get(id);
    if (row?.state !== 'intended') throw new Fault('bug', `row ${id} is not intended`);
    return row;
  }

  #change(row: LedgerRow, change: Partial<LedgerRow>): void {
    this.rows.set(row.id, { ...row, ...change });
  }

  async #step<T>(step: LedgerStep, work: () => T): Promise<T> {
    await this.hooks.before?.(step);
    const result = work();
    this.steps.push(step);
    await this.hooks.after?.(step);
    return result;
  }
}

import { type AuditEvent, type AuditRecorder, auditActions } from '../model/audit.js';
import type { Clock, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { formatSpoolLine, spooledEvent } from './spool-line.js';

export interface RecorderOptions {
  /** Appends a line. Throws if the line could not be written. */
  readonly append: (line: string) => void;
  /** Called after each record, and after each failure, since moving the spool to the database makes space. */
  readonly onRecord: () => void;
  readonly node: string;
  /** Returns the setting `audit.required`. */
  readonly isRequired: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Time between two attempts to write while the trail cannot be written. */
const retryMs = 100;
/** Time between two log lines about it. */
const logEveryMs = 60_000;

/** Records the events of this process. While the trail cannot be written, counts what is lost. */
export class TrailRecorder implements AuditRecorder {
  readonly #options: RecorderOptions;
  #lost = 0;
  /** Why the last write failed; null while the trail can be written. */
  #failure: Fault | null = null;
  #failedSinceMs = 0;
  #lastTryMs = Number.NEGATIVE_INFINITY;
  #lastLogMs = Number.NEGATIVE_INFINITY;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  requireWritable(): void {
    if (this.#failure === null || !this.#options.isRequired()) return;
    this.#retry();
    if (this.#failure !== null) throw refusal(this.#failure);
  }

  record(event: AuditEvent): void {
    this.#retry();
    if (this.#failure === null && this.#write(event)) {
      this.#options.onRecord();
      return;
    }
    this.#lost += 1;
    this.#options.onRecord();
    if (auditActions[event.action].changes && this.#options.isRequired()) {
      throw refusal(this.#failure ?? new Fault('bug', 'the audit trail failed without a cause'));
    }
  }

  /** Records the gap, if the trail can be written again. */
  #retry(): void {
    if (this.#failure === null) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#lastTryMs < retryMs) return;
    const { hint } = this.#failure;
    const details = { lost: this.#lost, sinceMs: this.#failedSinceMs, cause: hint };
    const actor = { kind: 'gateway', name: 'audit' } as const;
    if (!this.#write({ action: 'audit.gap', actor, result: 'ok', details })) return;
    this.#options.log.info('audit trail can be written again', { lost: this.#lost });
    this.#failure = null;
    this.#lost = 0;
  }

  #write(event: AuditEvent): boolean {
    const { append, node, clock } = this.#options;
    try {
      append(formatSpoolLine(spooledEvent(event, clock.nowMs(), node)));
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): void {
    const { clock, log, isRequired } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#failure === null) this.#failedSinceMs = clock.nowMs();
    this.#failure = spoolFault(error);
    this.#lastTryMs = nowMs;
    if (nowMs - this.#lastLogMs < logEveryMs) return;
    this.#lastLogMs = nowMs;
    log.error('audit trail cannot be written', { error: this.#failure, changesRefused: isRequired() });
  }
}

/** Returns an error of the file system as a fault. */
function spoolFault(error: unknown): Fault {
  if (error instanceof Error && !(error instanceof Fault) && 'code' in error) {
    const text = `the spool of the audit trail cannot be written: ${String(error.code)}`;
    return new Fault('unavailable', text, { cause: error });
  }
  return Fault.from(error);
}

function refusal(cause: Fault): Fault {
  return new Fault(
    'unavailable',
    'the audit trail cannot be written, so the server accepts no changes: an administrator must free disk space',
    { cause },
  );
}

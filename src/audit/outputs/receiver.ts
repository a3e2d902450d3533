import type { AuditRow } from '../../model/audit.js';

/** A file or a syslog server that gets every event. */
export interface AuditReceiver extends AsyncDisposable {
  /** Identifies the receiver in the database. Another target is another receiver. */
  readonly name: string;
  /** Resolves when the receiver has the rows. Rejects if it may lack some of them; they are sent again. */
  send(rows: readonly AuditRow[]): Promise<void>;
}

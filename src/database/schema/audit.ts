import type { Selectable } from 'kysely';

/** One event of the audit trail. Rows are deleted only from the oldest on, by age. */
export interface AuditEventTable {
  /** Position in the chain, without gaps. */
  seq: number;
  time_ms: number;
  node: string;
  actor_kind: string;
  actor: string;
  address: string | null;
  session: string | null;
  request: string | null;
  action: string;
  target: string | null;
  bucket: string | null;
  object_key: string | null;
  result: string;
  key_id: string | null;
  /** JSON. */
  details: string;
  previous_hash: string;
  hash: string;
}

/** A row of the audit trail as it is read. */
export type AuditEventRow = Selectable<AuditEventTable>;

/** The end of the chain, and the last row that was pruned. */
export interface AuditChainTable {
  /** Always 1. */
  id: number;
  last_seq: number;
  last_hash: string;
  /** 0 if nothing was pruned. */
  anchor_seq: number;
  anchor_hash: string;
}

/** The part of a spool file whose events are in the trail. */
export interface AuditSpoolTable {
  segment: string;
  /** In bytes. */
  position: number;
  /** The gateway that has the file; null in a database of one gateway. */
  node: string | null;
}

/** The last event that a receiver, such as syslog, has got. */
export interface AuditReceiverTable {
  name: string;
  sent_seq: number;
}

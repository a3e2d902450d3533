import { hash } from 'node:crypto';
import type { AuditEventRow } from '../schema/audit.js';

/** The hash before the first row. */
export const firstHash = 'sftpgw audit trail v1';

/** An event as the spool holds it, in the order of its columns. */
export type SpooledEvent = readonly [
  timeMs: number,
  node: string,
  actorKind: string,
  actor: string,
  address: string | null,
  session: string | null,
  request: string | null,
  action: string,
  target: string | null,
  bucket: string | null,
  objectKey: string | null,
  result: string,
  keyId: string | null,
  details: string,
];

/** Returns the columns that an event is made of. */
export function eventOf(row: AuditEventRow): SpooledEvent {
  return [
    row.time_ms,
    row.node,
    row.actor_kind,
    row.actor,
    row.address,
    row.session,
    row.request,
    row.action,
    row.target,
    row.bucket,
    row.object_key,
    row.result,
    row.key_id,
    row.details,
  ];
}

/**
 * Returns the hash of a row: SHA-256 (base64url) over the JSON array of its number, the hash of the row
 * before, and its columns in order.
 */
export function hashRow(seq: number, previousHash: string, event: SpooledEvent): string {
  return hash('sha256', JSON.stringify([seq, previousHash, ...event]), 'base64url');
}

/** Returns the row of an event. */
export function rowFor(seq: number, previousHash: string, event: SpooledEvent): AuditEventRow {
  const [timeMs, node, actorKind, actor, address, session, request, action] = event;
  const [, , , , , , , , target, bucket, objectKey, result, keyId, details] = event;
  return {
    seq,
    time_ms: timeMs,
    node,
    actor_kind: actorKind,
    actor,
    address,
    session,
    request,
    action,
    target,
    bucket,
    object_key: objectKey,
    result,
    key_id: keyId,
    details,
    previous_hash: previousHash,
    hash: hashRow(seq, previousHash, event),
  };
}

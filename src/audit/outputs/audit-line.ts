import type { AuditRow } from '../../model/audit.js';

/** Returns a row as an object for JSON, with the details as an object. */
export function auditJson(row: AuditRow): Readonly<Record<string, unknown>> {
  const { timeMs, actor, details, ...rest } = row;
  return {
    seq: rest.seq,
    time: new Date(timeMs).toISOString(),
    node: rest.node,
    actorKind: actor.kind,
    actor: actor.name,
    address: rest.address,
    session: rest.session,
    request: rest.request,
    action: rest.action,
    target: rest.target,
    bucket: rest.bucket,
    objectKey: rest.objectKey,
    result: rest.result,
    keyId: rest.keyId,
    details: parsed(details),
    previousHash: rest.previousHash,
    hash: rest.hash,
  };
}

/** Returns a row as one line of JSON, without the line feed. */
export function auditLine(row: AuditRow): string {
  return JSON.stringify(auditJson(row));
}

/** Details that were changed by hand may not be JSON. */
function parsed(details: string): unknown {
  try {
    return JSON.parse(details);
  } catch {
    return details;
  }
}

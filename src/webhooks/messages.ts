import { testType, type WebhookMessage, type WebhookType } from '../model/api/webhooks.js';
import type { AuditAction, AuditRow } from '../model/audit.js';
import type { Filtered } from './filter.js';

type Details = Readonly<Record<string, unknown>>;

/** Returns the type of an event with an action; null if it becomes no message. */
type TypeOf = (row: AuditRow, details: Details) => WebhookType | null;

const isOk = ({ result }: AuditRow) => result === 'ok';
const ofResult =
  (done: WebhookType, failed: WebhookType): TypeOf =>
  (row) =>
    isOk(row) ? done : failed;

/** A file on the gateway's disk has no object. Other files are finished once their object is stored. */
const isStored = ({ bucket }: AuditRow, { outcome }: Details) => bucket === null || outcome === 'stored';

const types: Partial<Readonly<Record<AuditAction, TypeOf>>> = {
  'file.write': (row, details) => {
    if (!isOk(row)) return 'upload.failed';
    return isStored(row, details) ? 'upload.finished' : null;
  },
  // Creates the object of an upload that was parked under an excluded name.
  'file.rename': (row, { outcome }) => (isOk(row) && outcome === 'stored' ? 'upload.finished' : null),
  'object.put': ofResult('upload.finished', 'upload.failed'),
  'file.read': ofResult('download.finished', 'download.failed'),
  'object.get': ofResult('download.finished', 'download.failed'),
  'session.refused': () => 'login.refused',
  'key.generate': ofResult('key.generated', 'key.failed'),
  'key.import': ofResult('key.imported', 'key.failed'),
  'key.retire': ofResult('key.retired', 'key.failed'),
  'key.destroy': ofResult('key.destroyed', 'key.failed'),
  'rotation.start': ofResult('rotation.started', 'key.failed'),
  'rotation.end': ofResult('rotation.finished', 'key.failed'),
  'recovery.recipient': ofResult('recovery.recipient', 'recovery.failed'),
  'recovery.adopt': ofResult('recovery.adopted', 'recovery.failed'),
  'recovery.copy': ofResult('recovery.copied', 'recovery.failed'),
  'recovery.restore': ofResult('recovery.restored', 'recovery.failed'),
};

/** The actions of the audit trail that may become messages. */
export const messageActions: readonly string[] = Object.keys(types);

/** A message with the parts that a filter compares. */
export type FilteredMessage = WebhookMessage & Filtered;

/** Returns the message of an event; null if its action or its result is not one that webhooks send. */
export function messageOf(row: AuditRow): FilteredMessage | null {
  const details = parsedDetails(row.details);
  const type = types[row.action as AuditAction]?.(row, details) ?? null;
  if (type === null) return null;
  const user = row.actor.kind === 'user' && row.actor.name !== '' ? row.actor.name : null;
  const about = /^(?:upload|download)\./.test(type)
    ? fileData(row, details)
    : { target: row.target, details };
  const data = {
    messageId: messageIdOf(row),
    auditSeq: row.seq,
    action: row.action,
    result: row.result,
    gateway: row.node,
    user,
    actor: `${row.actor.kind}:${row.actor.name}`,
    address: row.address,
    session: row.session,
    request: row.request,
    keyId: row.keyId,
    ...about,
  };
  return {
    messageId: messageIdOf(row),
    type,
    subject: subjectOf(row),
    user,
    objectKey: row.objectKey,
    body: JSON.stringify({ type, timestamp: new Date(row.timeMs).toISOString(), data }),
  };
}

/** Returns the body of a message that a person sends to try an endpoint. */
export function testBody(endpoint: { readonly id: string; readonly label: string }, nowMs: number): string {
  const { id, label } = endpoint;
  const timestamp = new Date(nowMs).toISOString();
  return JSON.stringify({ type: testType, timestamp, data: { webhook: id, label } });
}

/** The hash of an event is unique, and a receiver can compare it with the trail. */
function messageIdOf({ hash }: AuditRow): string {
  return `evt_${hash}`;
}

function fileData(row: AuditRow, details: Details) {
  const renamed = row.action === 'file.rename' ? textOf(details['to']) : null;
  const bytes = row.bucket === null ? details['bytes'] : null;
  return {
    path: renamed ?? row.target,
    bucket: row.bucket,
    objectKey: row.objectKey,
    versionId: textOf(details['versionId']),
    size: numberOf(details['size']) ?? numberOf(bytes),
    transferred: numberOf(details['bytes']),
    checksum: textOf(details['checksum']),
  };
}

/** Messages about the same object, file or key are sent in order. Refused logins have no order. */
function subjectOf({ action, actor, bucket, objectKey, keyId, target }: AuditRow): string | null {
  if (bucket !== null && objectKey !== null) return `s3://${bucket}/${objectKey}`;
  if (action.startsWith('key.') && keyId !== null) return keyId;
  if (target === null || action === 'session.refused') return null;
  return action.startsWith('file.') ? `${actor.name}:${target}` : target;
}

function parsedDetails(text: string): Details {
  try {
    const details: unknown = JSON.parse(text);
    return typeof details === 'object' && details !== null ? (details as Details) : {};
  } catch {
    // A row that was changed by hand.
    return {};
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

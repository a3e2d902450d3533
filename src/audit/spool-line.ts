import type { SpooledEvent } from '../database/audit/chain.js';
import type { AuditEvent } from '../model/audit.js';

/** Max characters of a text in an event. A longer one is cut, and ends with `…`. */
export const maxTextLength = 4096;
/** Max characters of the details of an event. Longer ones are replaced by a mark. */
export const maxDetailsLength = 16_384;

const cutMark = '…';
const cutDetails = '{"truncated":true}';

/** Returns an event as the spool and the chain hold it. */
export function spooledEvent(event: AuditEvent, timeMs: number, node: string): SpooledEvent {
  const { action, actor, address, session, request, target, bucket, objectKey, result, keyId } = event;
  const details = JSON.stringify(event.details ?? {});
  return [
    timeMs,
    node,
    actor.kind,
    cut(actor.name),
    cutOrNull(address),
    session ?? null,
    request ?? null,
    action,
    cutOrNull(target),
    bucket ?? null,
    cutOrNull(objectKey),
    result,
    keyId ?? null,
    details.length > maxDetailsLength ? cutDetails : details,
  ];
}

/** Returns the line of an event, with its line feed. */
export function formatSpoolLine(event: SpooledEvent): string {
  return `${JSON.stringify(event)}\n`;
}

/** Returns the event of a line; null for a line that a crash of the machine has damaged. */
export function parseSpoolLine(line: string): SpooledEvent | null {
  try {
    const fields: unknown = JSON.parse(line);
    return isEvent(fields) ? fields : null;
  } catch {
    return null;
  }
}

const required = [1, 2, 3, 7, 11, 13];
const optional = [4, 5, 6, 8, 9, 10, 12];

function isEvent(fields: unknown): fields is SpooledEvent {
  return (
    Array.isArray(fields) &&
    fields.length === 14 &&
    Number.isSafeInteger(fields[0]) &&
    required.every((index) => typeof fields[index] === 'string') &&
    optional.every((index) => fields[index] === null || typeof fields[index] === 'string')
  );
}

/** The database stores UTF-8, so half a surrogate pair is replaced before the hash is computed. */
function cut(text: string): string {
  const short = text.length > maxTextLength ? text.slice(0, maxTextLength - 1) + cutMark : text;
  return short.isWellFormed() ? short : short.toWellFormed();
}

function cutOrNull(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : cut(text);
}

import type { AuditRow } from '../../model/audit.js';
import { auditLine } from './audit-line.js';

/** Facility 13, log audit (RFC 5424 section 6.2.1). */
const facility = 13;
const severities = { notice: 5, warning: 4 } as const;

/**
 * Returns an event as a syslog message (RFC 5424): the action is the message id, and the text is the event as
 * JSON. The structured data has the number, by which a reader drops an event that it got twice.
 */
export function syslogMessage(row: AuditRow, host: string, processId: number): string {
  const severity = row.result === 'ok' ? severities.notice : severities.warning;
  const priority = facility * 8 + severity;
  const time = new Date(row.timeMs).toISOString();
  // 32473 is the enterprise number for documentation (RFC 5612).
  const data = `[audit@32473 seq="${row.seq}"]`;
  return `<${priority}>1 ${time} ${host} sftpgw ${processId} ${row.action} ${data} ${auditLine(row)}`;
}

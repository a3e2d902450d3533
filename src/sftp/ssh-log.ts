import type { TransportLog } from '@sftpgw/ssh';
import type { LogFields, Logger } from '../model/call.js';

/** Returns a log for the SSH server that writes to `log`. */
export function sshLog(log: Logger): TransportLog {
  return {
    debug: (fields, message) => log.debug(message, logFields(fields)),
    info: (fields, message) => log.info(message, logFields(fields)),
    warn: (fields, message) => log.warn(message, logFields(fields)),
  };
}

/**
 * Returns the fields in the logger's form: `err` becomes `error`, and counts by name become a text such as
 * `password: 2`.
 */
function logFields(fields: Readonly<Record<string, unknown>>): LogFields {
  const flat: Record<string, LogFields[string]> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Error) flat[name === 'err' ? 'error' : name] = value;
    else if (typeof value === 'number' || typeof value === 'boolean') flat[name] = value;
    else if (typeof value === 'string') flat[name] = value;
    else if (typeof value === 'object' && value !== null) flat[name] = countsText(value);
  }
  return flat;
}

function countsText(counts: object): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ');
}

import { Fault } from '../../model/fault.js';

/**
 * Errors after which the same work may succeed on a new connection. Codes of five characters are SQLSTATEs
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const lost = [
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN'],
  // The socket of a server that is being restarted, and a name server that does not answer.
  ...['ENOENT', 'ENOTFOUND', 'EAI_AGAIN'],
  // Administrator shutdown, crash, starting up, too many connections, a standby that is not promoted yet.
  ...['57P01', '57P02', '57P03', '57P05', '53300', '25006'],
  // The server has ended a transaction whose process was paused or cut off.
  '25P03',
  // Another transaction was in the way.
  ...['40001', '40P01'],
];
/** Texts of errors of pg, which have no code. */
const lostTexts =
  /^(?:Connection terminated|Client has encountered a connection error|Client was closed|timeout expired|timeout exceeded|Query read timeout|cached plan must not change)/;

/** Reports whether the connection was lost, or not made: the work may run again on another one. */
export function isLostConnection(error: unknown): boolean {
  if (error instanceof Fault || !(error instanceof Error)) return false;
  const code = codeOf(error);
  return lost.includes(code) || code.startsWith('08') || lostTexts.test(error.message);
}

/** Converts an error of pg into a fault that names the database. Returns faults unchanged. */
export function postgresFault(error: unknown, name: string): Fault {
  if (error instanceof Fault) return error;
  const code = error instanceof Error ? codeOf(error) : '';
  const message = error instanceof Error ? error.message : '';
  const cause = { cause: error };
  const fault = (kind: Fault['kind'], text: string): Fault => new Fault(kind, text, cause);
  if (isLostConnection(error)) {
    return fault(
      'unavailable',
      `the ${name} does not answer (${code || message}); start it, or check the network`,
    );
  }
  if (code === '57014')
    return fault('timed-out', `a statement of the ${name} took longer than database.statement.timeout`);
  if (code === '55P03') return fault('unavailable', `the ${name} is locked by another program; try again`);
  if (code.startsWith('53')) return fault('unavailable', `the ${name} lacks a resource: ${message}`);
  if (code === '28P01' || code === '28000' || message.startsWith('SASL')) {
    return fault('denied', `the ${name} refused the user or its password: ${message}`);
  }
  if (code === '3D000') return fault('not-found', `there is no ${name}: create it with createdb`);
  if (code === '42501') return fault('denied', `the user lacks a permission on the ${name}: ${message}`);
  if (code.startsWith('XX') || code.startsWith('58')) {
    return fault('corrupt', `the ${name} reports damage; restore it from a backup: ${message}`);
  }
  if (isCertificateError(code)) {
    return fault(
      'denied',
      `the certificate of the ${name} cannot be verified (${code}); set database.ca.file`,
    );
  }
  if (message.startsWith('The server does not support SSL')) {
    return fault('unsupported', `the ${name} does not support TLS; turn it on (ssl = on)`);
  }
  return Fault.from(error);
}

function isCertificateError(code: string): boolean {
  return /^(?:ERR_TLS_CERT|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|ERR_SSL)/.test(code);
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

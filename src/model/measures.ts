import type { AuditEvent } from './audit.js';

/** Receives what metrics count. Each method is called once for a request or a change, never for a packet. */
export interface Measures {
  /** An SFTP request that opens or closes a file. `seconds` is the time to its answer. */
  sftpRequest(request: 'open' | 'close', seconds: number): void;
  /** One attempt of a request to S3. `result` is `ok` or the kind of the fault. */
  s3Attempt(operation: string, result: string, seconds: number): void;
  /** A request to S3 is sent again. */
  s3Retry(operation: string): void;
  /** One commit of the database, with all writes that share it. */
  databaseCommit(seconds: number): void;
  /** An event of the audit trail: logins, refusals, transfers. */
  audited(event: AuditEvent): void;
  /** An object that an event of S3 names. */
  eventReceived(): void;
  /** A message with events that was refused, or a failed request to the queue. */
  eventFailed(source: 'endpoint' | 'queue'): void;
  /** An attempt to send a message to a webhook. */
  webhookAttempt(result: 'ok' | 'failed'): void;
}

/** Counts nothing. */
export const noMeasures: Measures = {
  sftpRequest: () => undefined,
  s3Attempt: () => undefined,
  s3Retry: () => undefined,
  databaseCommit: () => undefined,
  audited: () => undefined,
  eventReceived: () => undefined,
  eventFailed: () => undefined,
  webhookAttempt: () => undefined,
};

import type { LiveSession } from '../../live/live-session.js';
import type { AuditAction, AuditDetails, AuditRecorder } from '../../model/audit.js';
import type { ObjectFacts } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { NotingCall } from './noting-call.js';

/** One operation of a user on a path. */
export interface FileEvent {
  readonly action: AuditAction;
  readonly path: string;
  readonly call: NotingCall;
  readonly details?: AuditDetails;
}

/** Records the operations of one session. */
export class FileEvents {
  readonly trail: AuditRecorder;
  readonly session: LiveSession;

  constructor(trail: AuditRecorder, session: LiveSession) {
    this.trail = trail;
    this.session = session;
  }

  /** Records an operation that succeeded. Throws as `AuditRecorder.record`. */
  done(event: FileEvent): void {
    this.#record(event, 'ok');
  }

  /** Records an operation that failed. Never throws: the client gets the fault of the operation. */
  failed(event: FileEvent, error: unknown): void {
    this.ended(event, Fault.from(error).kind);
  }

  /** Records an operation with another result. Never throws. */
  ended(event: FileEvent, result: string): void {
    try {
      this.#record(event, result);
    } catch {
      // The trail has counted the loss.
    }
  }

  #record({ action, path, call, details }: FileEvent, result: string): void {
    const { id, login } = this.session;
    const { bucket, key, keyId, checksum, versionId, size, outcome }: ObjectFacts = call.facts;
    const more = { ...details, size, outcome, checksum, versionId: versionId ?? undefined };
    this.trail.record({
      action,
      actor: { kind: 'user', name: login.username },
      address: login.address,
      session: id,
      request: call.id,
      target: path,
      bucket: bucket ?? null,
      objectKey: key ?? null,
      keyId: keyId ?? null,
      result,
      details: more,
    });
  }
}

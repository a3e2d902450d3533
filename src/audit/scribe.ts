import type { AuditActor, AuditDetails, AuditEvent, AuditRecorder } from '../model/audit.js';
import { Fault } from '../model/fault.js';

/** An event without its actor, and with `ok` as its result unless it has another one. */
export interface ScribeEvent extends Omit<AuditEvent, 'actor' | 'result'> {
  readonly result?: string;
}

/** The fields that every event of one request has. */
export interface ScribeOrigin {
  /** The address of the actor. */
  readonly address: string | null;
  /** The id of the request, which the log has too. */
  readonly request: string | null;
}

/** Records the events of one actor: an administrator at a command, or the gateway. */
export class AuditScribe {
  readonly recorder: AuditRecorder;
  readonly actor: AuditActor;
  readonly #details: AuditDetails;
  readonly #origin: ScribeOrigin;

  /** `details` are added to every event, and so is the `origin` of the actor's request. */
  constructor(
    recorder: AuditRecorder,
    actor: AuditActor,
    details: AuditDetails = {},
    origin: ScribeOrigin = { address: null, request: null },
  ) {
    this.recorder = recorder;
    this.actor = actor;
    this.#details = details;
    this.#origin = origin;
  }

  /** Returns the scribe of another person in the same request. */
  as(name: string, more: AuditDetails = {}): AuditScribe {
    const details = { ...this.#details, ...more };
    return new AuditScribe(this.recorder, { kind: 'admin', name }, details, this.#origin);
  }

  /** Throws as `AuditRecorder.record`. */
  record(event: ScribeEvent): void {
    const details = { ...event.details, ...this.#details };
    this.recorder.record({ result: 'ok', ...this.#origin, ...event, actor: this.actor, details });
  }

  /** Records an event that happened in any case. Never throws. */
  note(event: ScribeEvent): void {
    try {
      this.record(event);
    } catch {
      // The recorder has counted or reported the loss.
    }
  }

  /**
   * Makes a change and records it with its result. `describe` returns the event of a change that succeeded, or
   * null if nothing has changed or a part of the work has recorded it. A failure that a part of the work has recorded
   * for the same action is not recorded again. Throws `unavailable`, before the change, while the trail cannot be
   * written.
   */
  async change<T>(
    event: ScribeEvent,
    work: () => Promise<T>,
    describe: (done: T) => ScribeEvent | null | Promise<ScribeEvent | null> = () => event,
  ): Promise<T> {
    this.recorder.requireWritable();
    let done: T;
    try {
      done = await work();
    } catch (error) {
      if (isNew(error, event.action)) this.note({ ...event, result: Fault.from(error).kind });
      throw error;
    }
    const described = await describe(done);
    if (described !== null) this.record(described);
    return done;
  }
}

/** The actions whose failure with an error is recorded. */
const recordedFailures = new WeakMap<object, Set<string>>();

/** Returns true at the first time that an action fails with this error. */
function isNew(error: unknown, action: string): boolean {
  if (typeof error !== 'object' || error === null) return true;
  const actions = recordedFailures.get(error) ?? new Set();
  recordedFailures.set(error, actions);
  if (actions.has(action)) return false;
  actions.add(action);
  return true;
}

/**
 * Fields of one structured log line. They never contain a key; the logger also drops values that
 * look like one.
 */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined | Error>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Returns a logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

/** Time, as a dependency: tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Monotonic milliseconds, for durations. */
  monotonicMs(): number;
  /** Resolves after `ms`. Throws `cancelled` if `signal` aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Randomness, as a dependency. */
export interface Entropy {
  /** Returns `length` bytes from the system's generator. */
  bytes(length: number): Uint8Array;
  /** Returns 16 lower-case hex digits: a request id or a row id. */
  id(): string;
}

/** Facts about the object that a request works on. Absent fields are unknown. */
export interface ObjectFacts {
  readonly bucket?: string;
  readonly key?: string;
  /** Fingerprint of the customer key; null for an object without one. */
  readonly keyId?: string | null;
  /** Such as `CRC-32C e3069283`. */
  readonly checksum?: string;
  readonly versionId?: string | null;
  /** Size of the whole object, in bytes. */
  readonly size?: number;
  /** The result of an upload at its end: an object, or a parked upload that waits for its name. */
  readonly outcome?: 'stored' | 'parked';
}

/** The context of one request, passed on from the SFTP server or a command to the store. */
export interface Call {
  /** Part of the answer's text and of every log line of the request. */
  readonly id: string;
  /** Aborted when the client disconnects or the process drains. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Receives facts about the object, for the audit trail. Later facts replace earlier ones. */
  readonly note?: ((facts: ObjectFacts) => void) | undefined;
}

/**
 * Returns the same call with a signal that never aborts, for work that must finish after the client
 * has disconnected. Only the store's own timeouts end it.
 */
export function uncancellable(call: Call): Call {
  return { id: call.id, log: call.log, signal: new AbortController().signal, note: call.note };
}

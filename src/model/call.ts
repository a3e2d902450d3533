/** One line of structured log. Fields never hold a key; the logger drops what looks like one all the same. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined | Error>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

/** Time is handed in, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Monotonic milliseconds, for durations. */
  monotonicMs(): number;
  /** Resolves after `ms`, or rejects with a `cancelled` fault when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Randomness is handed in. */
export interface Entropy {
  /** `length` bytes from the system's generator. */
  bytes(length: number): Uint8Array;
  /** 16 lower-case hex digits: a request id, a row id. */
  id(): string;
}

/** What travels with one request from the door to the store. */
export interface Call {
  /** Appears in the answer's text and in every log line of the request. */
  readonly id: string;
  /** Aborted when the client goes away or the process drains. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** The same call for what has to be finished although the client has gone: only the store's own time limits end it. */
export function uncancellable(call: Call): Call {
  return { id: call.id, log: call.log, signal: new AbortController().signal };
}

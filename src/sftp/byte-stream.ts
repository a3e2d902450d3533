/** Events of a `ByteStream`. None occurs before `start`. */
export interface ByteStreamEvents {
  /** Bytes arrived. They may be lent (bytes/buffer-pool.ts): retain them to keep views beyond the call. */
  data(chunk: Uint8Array): void;
  /** The other side sends no more data. It may still read. */
  ended(): void;
  /** The backlog fell to half of the value that `backlogBytes` last returned, or below. */
  drained(): void;
  /** Data neither arrives nor leaves any more. Occurs once, also after an error. */
  closed(): void;
  /** Returns true while a request runs or a file is open. The session is not idle then. */
  isBusy?(): boolean;
}

/**
 * The two-way stream of bytes that an SFTP session runs over: an SSH channel, or a pair of pipes in a test.
 */
export interface ByteStream {
  /** Starts the events. Called once. */
  start(events: ByteStreamEvents): void;
  /** Stops `data` until `resume`. Flow control slows the other side down meanwhile. */
  pause(): void;
  resume(): void;
  /**
   * Sends the pieces in order and releases each when it is sent. They must not change before. Never throws.
   * Does nothing on a closed stream.
   */
  write(pieces: readonly Uint8Array[]): void;
  /**
   * Shows a sentence to the person at the client, outside the data. Does nothing if the client cannot show it
   * or data waits.
   */
  explain(sentence: string): void;
  /** Written bytes that the network has not yet accepted. */
  readonly backlogBytes: number;
  /** Sends the data that waits, reports success to the client, and closes the stream. */
  end(): void;
}

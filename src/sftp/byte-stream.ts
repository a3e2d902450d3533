/** What a `ByteStream` tells. Nothing is told before `start`. */
export interface ByteStreamEvents {
  /** Bytes came. They may be lent (bytes/buffer-pool.ts): whoever keeps views of them retains them. */
  data(chunk: Uint8Array): void;
  /** The other side sends no more; it may still read. */
  ended(): void;
  /** The backlog has fallen after it was seen above the mark. */
  drained(): void;
  /** Nothing comes and nothing goes any more. Told once, also after an error. */
  closed(): void;
}

/** The two-way stream of bytes that an SFTP session runs over: an SSH channel, or a pair of pipes in a test. */
export interface ByteStream {
  /** Called once. */
  start(events: ByteStreamEvents): void;
  /** No `data` until `resume`. The other side is slowed down by its own flow control. */
  pause(): void;
  resume(): void;
  /** Sends the pieces in order, as one, and releases each when it is sent. They must not change before. Never throws; on a closed stream it does nothing. */
  write(pieces: readonly Uint8Array[]): void;
  /** Tells the person a sentence beside the stream, where the client shows such; otherwise, or when it is busy, nothing. */
  explain(sentence: string): void;
  /** Bytes written and not yet taken by the network. */
  readonly backlogBytes: number;
  /** Sends what was written and then closes, the way that tells the client that all was well. */
  end(): void;
}

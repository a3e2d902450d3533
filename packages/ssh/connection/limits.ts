const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** Bounds of the connection protocol. Each holds for one connection, unless its comment states the whole server. */
export interface ConnectionLimits {
  /** Channels at the same time, including those whose session is still ending. */
  readonly maxChannels: number;
  /** Smallest packet that a client may ask for in CHANNEL_OPEN. RFC 4253 section 6.1 requires clients to accept 32,768 bytes. */
  readonly minPacketBytes: number;
  /** Data bytes in one CHANNEL_DATA to the client. */
  readonly maxPacketBytes: number;
  /**
   * Data bytes in one CHANNEL_DATA of the client: an SFTP WRITE of 32 KiB with its header. If it took two packets, Nagle's algorithm
   * would keep the second back at a client that waits for each answer (libssh, paramiko): 40 ms for each WRITE.
   */
  readonly maxReceivedPacketBytes: number;
  /** Window of a new channel while enough of `maxWindowTotalBytes` is free. */
  readonly initialWindowBytes: number;
  /** Window of a new channel when `maxWindowTotalBytes` is used up. At least `maxReceivedPacketBytes`. */
  readonly minWindowBytes: number;
  /** Window that one channel can grow to. */
  readonly maxWindowBytes: number;
  /**
   * Sum of all windows of the server, apart from those of `minWindowBytes`. It bounds the bytes that all clients can have in
   * flight.
   */
  readonly maxWindowTotalBytes: number;
  /** Unwritten bytes of the connection above which its channels send no data. Not below the high mark of the transport. */
  readonly maxBacklogBytes: number;
  /** Bytes that wait on all channels of the server. Above half of them, channels report larger backlogs than they have. */
  readonly maxUnsentTotalBytes: number;
  /** Unwritten bytes of the connection above which a request that needs a reply ends the connection. */
  readonly maxUnsentReplyBytes: number;
  /** Channel data sent in one turn of the event loop, of the whole server. */
  readonly maxTurnBytes: number;
  /** Channel data sent in one turn of the event loop. */
  readonly maxTurnShareBytes: number;
  /** Silence after which the server sends a keep-alive. 0 turns keep-alives off. */
  readonly keepAliveIntervalMs: number;
  /** Unanswered keep-alives after which the connection ends. */
  readonly maxMissedKeepAlives: number;
  /** `hostkeys-prove-00@openssh.com` requests that are answered: each costs a signature for each host key. */
  readonly maxHostKeyProofs: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  maxChannels: 10,
  minPacketBytes: KiB,
  maxPacketBytes: 32 * KiB,
  maxReceivedPacketBytes: 34 * KiB,
  initialWindowBytes: 2 * MiB,
  minWindowBytes: 64 * KiB,
  maxWindowBytes: 16 * MiB,
  maxWindowTotalBytes: GiB,
  maxBacklogBytes: 512 * KiB,
  maxUnsentTotalBytes: 512 * MiB,
  maxUnsentReplyBytes: 4 * MiB,
  maxTurnBytes: 4 * MiB,
  maxTurnShareBytes: 256 * KiB,
  keepAliveIntervalMs: 30_000,
  maxMissedKeepAlives: 4,
  maxHostKeyProofs: 4,
};

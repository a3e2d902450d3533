const kib = 1024;
const mib = 1024 * kib;

/** Bounds on the memory and the time that a peer can make the transport use. */
export interface TransportLimits {
  /** Length of the client's identification line, CR and LF included (RFC 4253 section 4.2). */
  readonly maxIdentBytes: number;
  /** Time from the start to the first byte of the client. */
  readonly firstByteTimeoutMs: number;
  /** Time from the start to `loggedIn`. */
  readonly loginTimeoutMs: number;
  /** Time that the server waits for the client's KEXINIT, to adapt its own, before it sends its own. */
  readonly kexInitWaitMs: number;
  /** Payload of one message before the login. RFC 4253 section 6.1 requires 32,768. */
  readonly maxLoginPayloadBytes: number;
  /** Payload of one message after the login. */
  readonly maxPayloadBytes: number;
  /** Messages before the login. */
  readonly maxLoginMessages: number;
  /** While more is unwritten, no further messages are read. */
  readonly maxUnwrittenBytes: number;
  /** A backlog above the high mark is reported as drained when it falls below the low mark. */
  readonly backlogHighBytes: number;
  readonly backlogLowBytes: number;
  /** Messages that wait for the end of a key exchange. More ends the connection. */
  readonly maxQueuedBytes: number;
  /** Bytes in one direction under one set of keys, and the age of the keys, at which the server starts a key exchange. */
  readonly rekeyBytes: number;
  readonly rekeyMs: number;
  /** Packets in one direction under one set of keys at which the server starts a key exchange (RFC 4344 section 3.1). */
  readonly rekeyPackets: number;
  /** Time from the first KEXINIT of a later key exchange to its end. Data in flight comes before the client's KEXINIT. */
  readonly rekeyTimeoutMs: number;
  /** Time that the client has to close the connection after our disconnect. */
  readonly closeTimeoutMs: number;
}

export const defaultTransportLimits: TransportLimits = {
  maxIdentBytes: 255,
  firstByteTimeoutMs: 10_000,
  loginTimeoutMs: 60_000,
  kexInitWaitMs: 250,
  maxLoginPayloadBytes: 40_000,
  maxPayloadBytes: 256 * kib,
  maxLoginMessages: 256,
  maxUnwrittenBytes: mib,
  backlogHighBytes: 512 * kib,
  backlogLowBytes: 128 * kib,
  maxQueuedBytes: 8 * mib,
  rekeyBytes: 1024 * mib,
  rekeyMs: 3_600_000,
  rekeyPackets: 2 ** 31,
  rekeyTimeoutMs: 300_000,
  closeTimeoutMs: 2_000,
};

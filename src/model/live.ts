/** The cause of a transfer's wait: the client's next request, the gateway's answer to one, or the storage at CLOSE. */
export type TransferWait = 'client' | 'gateway' | 'storage';

/** A file that is open in a session. */
export interface TransferStatus {
  readonly path: string;
  readonly direction: 'upload' | 'download';
  readonly bytes: number;
  /** Mean over the whole transfer, in bytes per second. */
  readonly bytesPerSecond: number;
  readonly startedMs: number;
  /** Fingerprint of the customer key of the object; null without one, or while it is unknown. */
  readonly keyId: string | null;
  readonly waitsFor: TransferWait;
}

/** The software and the algorithms of a client's connection. */
export interface ConnectionFacts {
  /** Name and version of the client's software. */
  readonly software: string;
  readonly keyExchange: string;
  /** True if the key exchange resists quantum computers. */
  readonly isPostQuantum: boolean;
  readonly cipher: string;
  /** Null if the cipher authenticates by itself. */
  readonly mac: string | null;
}

/** The protocol of a session: SFTP, or HTTP of the files page. */
export type SessionProtocol = 'sftp' | 'web';

/** A login: how, and with which key. */
export interface LoginFacts {
  readonly protocol: SessionProtocol;
  readonly username: string;
  /** `stdio` for a session of sshd. */
  readonly address: string;
  /** The methods that succeeded, such as `publickey,keyboard-interactive`. */
  readonly methods: string;
  /** Fingerprint of the key that was used; null for a login without one. */
  readonly keyFingerprint: string | null;
  /** Key id of the certificate that was used. */
  readonly certificate: string | null;
  /** Null for a session of sshd and of the files page. */
  readonly connection: ConnectionFacts | null;
}

/** A session as it is shown. */
export interface SessionStatus extends LoginFacts {
  /** As in the log and in the audit trail. */
  readonly id: string;
  /** The name of the node that has the session; null if one gateway uses the database. */
  readonly node: string | null;
  readonly startedMs: number;
  /** Time since the last request, in milliseconds. */
  readonly idleMs: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly transfers: readonly TransferStatus[];
}

/** The sessions, for administrators. */
export interface SessionAdministration {
  /** Returns all sessions, the oldest first. */
  list(): Promise<readonly SessionStatus[]>;
  /** Ends a session. Returns it, or null if there is none with this id. */
  disconnect(id: string): Promise<SessionStatus | null>;
}

/** Totals of a session. The fields grow with each request. */
export interface SessionTally {
  filesWritten: number;
  filesRead: number;
  bytesReceived: number;
  bytesSent: number;
}

/** Events of a channel. None occurs before `start`. */
export interface SshChannelEvents {
  /** Channel data arrived. The bytes may be lent (`SlabPool`): retain them to keep views beyond the call. */
  data(chunk: Uint8Array): void;
  /** The client sends no more data (SSH_MSG_CHANNEL_EOF). It still reads. */
  ended(): void;
  /** The backlog fell to half of the value that `backlogBytes` last returned, or below. */
  drained(): void;
  /** Data neither arrives nor leaves any more. Occurs once, also when the connection fails. */
  closed(): void;
  /** Returns true while the session is in use although no data moves: its connection is not idle then. */
  isBusy?(): boolean;
}

/** One session channel whose request was accepted, as the application sees it (RFC 4254 section 6). */
export interface SshChannel {
  /** Begins the events. Called once. */
  start(events: SshChannelEvents): void;
  /** Stops `data` until `resume`. The client can fill the window meanwhile. */
  pause(): void;
  resume(): void;
  /**
   * Sends the pieces in order and releases each in the slab pool when it is sent. They must not change before. Never throws; on a
   * closed channel it only releases.
   */
  write(pieces: readonly Uint8Array[]): void;
  /** Sends text on stderr, if the client's window has space for it and no data waits. Otherwise it does nothing. */
  writeStderr(text: string): void;
  /**
   * Bytes that wait for the client's window or for the network. Bytes below the bound of the connection's buffer do not count. They
   * count more than they are while the server has little memory left for bytes that wait.
   */
  readonly backlogBytes: number;
  /** Sets the exit status that `end` reports (RFC 4254 section 6.10). */
  exit(status: number): void;
  /** Sends the data that waits, the exit status, EOF and CLOSE. */
  end(): void;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** The requests of a session channel that reach the application. */
export type SessionRequest =
  | { readonly kind: 'subsystem'; readonly name: 'sftp' }
  | { readonly kind: 'exec'; readonly command: string };

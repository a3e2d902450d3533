import type { NegotiatedAlgorithms } from '../algorithms/negotiate.js';
import type { Login } from '../auth/authenticator.js';

/** A connection whose user is logged in. */
export interface SshConnection {
  readonly login: Login;
  /** The client's address: that of the PROXY protocol if it is in use. */
  readonly address: string;
  readonly port: number;
  /** Name and version of the client's software, from its identification. */
  readonly clientSoftware: string;
  /** Null only after the connection failed. */
  readonly algorithms: NegotiatedAlgorithms | null;
  /** Channels, including those whose session is still ending. */
  readonly channelCount: number;
  /** Ends the connection with SSH_MSG_DISCONNECT. Clients show the text. */
  disconnect(text: string): void;
}

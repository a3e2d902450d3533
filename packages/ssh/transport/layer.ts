export { ProtocolError } from '../wire/fault.js';

/** The message layer that authentication and the connection protocol run over. */
export interface MessageSender {
  /** Session identifier: the first exchange hash (RFC 4253 section 7.2). */
  readonly sessionId: Uint8Array;
  /**
   * Sends one message. The pieces together are the payload, its first byte the message number. They are copied before the call
   * returns. During our key exchange the message is queued. Never throws; does nothing on a closed transport.
   */
  send(...pieces: readonly Uint8Array[]): void;
  /** Bytes accepted by `send` and not yet taken by the socket. */
  readonly backlogBytes: number;
  /** Sends SSH_MSG_DISCONNECT and closes the connection (RFC 4253 section 11.1). */
  disconnect(reason: number, text: string): void;
}

/**
 * A layer that receives messages. `payload` is the whole message, its first byte the message number, and is valid during the call
 * only (it is a view of a lent buffer): copy what outlives the call. Throwing a `ProtocolError` ends the connection with its
 * reason code.
 */
export interface MessageLayer {
  message(type: number, payload: Buffer): void;
  /** Called when `backlogBytes` falls below the low mark after it exceeded the high mark. */
  drained(): void;
  closed(): void;
}

/**
 * The controls of the transport, apart from sending. `Transport` implements them (transport/transport.ts).
 */
export interface TransportControl extends MessageSender {
  /** Hands all further messages to this layer: first to authentication, then to the connection protocol. */
  setLayer(layer: MessageLayer): void;
  /**
   * Called once, after SSH_MSG_USERAUTH_SUCCESS was sent. Connection messages are legal from then on, messages may have their full
   * length, and later key exchanges are allowed.
   */
  loggedIn(): void;
  /** Takes no further messages until `resumeInput`: while an authentication attempt is decided, for example. */
  pauseInput(): void;
  resumeInput(): void;
}

/**
 * Lends receive buffers, so that channel data reaches the application as a view without a copy. A lent buffer has one holder at
 * first. `retain` adds a holder to the buffer under a view, `release` ends one; a buffer without holders may be lent again.
 * A payload whose `holders` is 0 lies in memory of the connection that is used again at once: copy what outlives the call.
 */
export interface SlabPool {
  /** Returns a buffer of at least `minBytes` bytes with one holder: the caller. */
  lend(minBytes: number): Buffer;
  retain(view: Uint8Array): void;
  release(view: Uint8Array): void;
  /** Returns how many hold the buffer under the view. Returns 0 for a buffer that is not lent. */
  holders(view: Uint8Array): number;
}

import { DisconnectReason } from './disconnect-reasons.js';

/** A fault of the peer that ends the connection. The reason code is one of RFC 4253 section 11.1. */
export class ProtocolError extends Error {
  readonly reason: number;

  constructor(reason: number, message: string) {
    super(message);
    this.name = 'ProtocolError';
    this.reason = reason;
  }
}

/** Returns the error for a message that is malformed or illegal in the current state. */
export function protocolFault(message: string): ProtocolError {
  return new ProtocolError(DisconnectReason.protocolError, message);
}

/** Returns the error for a key exchange that cannot succeed. */
export function keyExchangeFault(message: string): ProtocolError {
  return new ProtocolError(DisconnectReason.keyExchangeFailed, message);
}

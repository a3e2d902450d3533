import { protocolFault } from '../wire/fault.js';

/** The outcome of a method: all that enters the exchange hash and the reply beside the host key. */
export interface KexAgreement {
  readonly kind: 'agreed';
  /** Number of the message that carries host key, server share and signature. */
  readonly replyType: number;
  /** The server's share as it stands in the reply: an encoded string or mpint. */
  readonly serverShare: Buffer;
  /** The encoded values between the host key and the shared secret in the exchange hash. */
  readonly transcript: readonly Buffer[];
  /** The shared secret as it enters the exchange hash and the key derivation: an encoded mpint, or a string (ML-KEM). */
  readonly secret: Buffer;
}

/** A message that continues the exchange. */
export interface KexReply {
  readonly kind: 'reply';
  readonly payload: Buffer;
}

/** The server's side of one run of a method. */
export interface KexRun {
  /** Handles a message of the method (numbers 30 to 49). Throws a `ProtocolError` when it is malformed or out of order. */
  receive(type: number, payload: Buffer): KexReply | KexAgreement;
}

/** Checks the number of a message of the method. */
export function expectKexMessage(type: number, expected: number): void {
  if (type !== expected) throw protocolFault(`key exchange message ${type}, expected ${expected}`);
}

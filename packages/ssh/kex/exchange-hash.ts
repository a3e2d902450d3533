import { createHash } from 'node:crypto';
import { encodeString } from '../wire/writer.js';

/** The values that every method's exchange hash begins with (RFC 4253 section 8). */
export interface HashedOpening {
  /** Identification strings without CR and LF. */
  readonly clientIdent: string;
  readonly serverIdent: string;
  /** Payloads of both KEXINIT messages. */
  readonly clientInit: Buffer;
  readonly serverInit: Buffer;
  /** Blob of the host key. */
  readonly hostKey: Buffer;
}

/** Returns the exchange hash H. `transcript` and `secret` are encoded values. */
export function exchangeHash(
  hash: string,
  opening: HashedOpening,
  transcript: readonly Buffer[],
  secret: Buffer,
): Buffer {
  const state = createHash(hash);
  for (const value of [opening.clientIdent, opening.serverIdent]) {
    state.update(encodeString(Buffer.from(value, 'latin1')));
  }
  for (const value of [opening.clientInit, opening.serverInit, opening.hostKey]) {
    state.update(encodeString(value));
  }
  for (const value of transcript) state.update(value);
  return state.update(secret).digest();
}

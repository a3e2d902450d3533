import type { NegotiatedAlgorithms } from '../algorithms/negotiate.js';

/** Structured log of the package; fields first, then a fixed phrase. A pino logger fits. */
export interface TransportLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export const silentLog: TransportLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
};

/** Why a connection ended. */
export type CloseCause =
  /** The client sent DISCONNECT. */
  | { readonly by: 'client'; readonly reason: number; readonly text: string }
  /** The server sent DISCONNECT. */
  | { readonly by: 'server'; readonly reason: number; readonly text: string }
  /** The stream ended or failed without DISCONNECT. */
  | { readonly by: 'stream'; readonly error: Error | null };

export type TransportEvent =
  /** The client's identification was received. */
  | { readonly kind: 'ident'; readonly software: string }
  /** A key exchange is complete; the first one makes `sessionId` available. */
  | { readonly kind: 'keys'; readonly algorithms: NegotiatedAlgorithms; readonly isFirst: boolean }
  /** The client requested the authentication service. A layer must be set before the next message. */
  | { readonly kind: 'userauth' }
  /** Occurs once. Nothing is received or sent afterwards. */
  | { readonly kind: 'closed'; readonly cause: CloseCause };

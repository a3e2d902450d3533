import type { Call, Clock } from '../../model/call.js';
import type { Vfs } from '../../model/vfs.js';
import type { HandleTable } from '../handle-table.js';
import type { PathOrder } from '../path-order.js';
import type { RequestOf, RequestType } from '../wire/requests.js';

/** Totals of a session, for the log line at its end. */
export interface SessionTally {
  filesWritten: number;
  filesRead: number;
  bytesReceived: number;
  bytesSent: number;
}

/** State that the handlers of one session share. */
export interface SessionContext {
  readonly vfs: Vfs;
  readonly username: string;
  readonly handles: HandleTable;
  readonly paths: PathOrder;
  readonly clock: Clock;
  readonly maxHandles: number;
  readonly tally: SessionTally;
  /** Returns true once the server is shutting down. No file is opened for writing then. */
  isDraining(): boolean;
}

/** One packet, in pieces that are sent in this order. */
export type Reply = readonly Uint8Array[];

/**
 * Returns the reply to one request. The session replies to a thrown fault. Handlers are called in the order
 * of arrival. Before its first `await`, a handler enters the orders of its handle and its paths.
 */
export type Handler<T extends RequestType> = (
  context: SessionContext,
  call: Call,
  request: RequestOf<T>,
) => Promise<Reply>;

import type { Call, Clock } from '../../model/call.js';
import type { Vfs } from '../../model/vfs.js';
import type { HandleTable } from '../handle-table.js';
import type { PathOrder } from '../path-order.js';
import type { RequestOf, RequestType } from '../wire/requests.js';

/** What a session has done, for its one line in the log. */
export interface SessionTally {
  filesWritten: number;
  filesRead: number;
  bytesReceived: number;
  bytesSent: number;
}

/** What the handlers of one session share. */
export interface SessionContext {
  readonly vfs: Vfs;
  readonly username: string;
  readonly handles: HandleTable;
  readonly paths: PathOrder;
  readonly clock: Clock;
  readonly maxHandles: number;
  readonly tally: SessionTally;
  /** True once the process is shutting down: nothing new is written. */
  isDraining(): boolean;
}

/** One packet, as pieces that are sent one behind the other. */
export type Reply = readonly Uint8Array[];

/**
 * Answers one request; a fault that it throws is answered by the session. Handlers are called in the order of arrival and
 * enter themselves into the orders of their handle and their paths before they first wait.
 */
export type Handler<T extends RequestType> = (
  context: SessionContext,
  call: Call,
  request: RequestOf<T>,
) => Promise<Reply>;

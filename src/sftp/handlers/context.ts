import type { Call, Clock } from '../../model/call.js';
import type { SessionTally } from '../../model/live.js';
import type { Vfs } from '../../model/vfs.js';
import type { HandleTable } from '../handle-table.js';
import type { PathOrder } from '../path-order.js';
import type { RequestOf, RequestType } from '../wire/requests.js';

/** State that the handlers of one session share. */
export interface SessionContext {
  readonly vfs: Vfs;
  readonly username: string;
  /** True if the client sends SSH_FXP_SYMLINK in the draft's order, with the link before its target. */
  readonly sendsLinkFirst: boolean;
  readonly handles: HandleTable;
  readonly paths: PathOrder;
  readonly clock: Clock;
  readonly maxHandles: number;
  readonly tally: SessionTally;
  /** Records that copy-data has copied bytes between two open files. */
  copied(call: Call, from: string, to: string, bytes: number): void;
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

import type { LogLevel } from '../../assembly/logger.js';
import type { ListenAddress } from '../../config/values.js';
import type { FaultKind } from '../../model/fault.js';
import type { WorkerPlace } from '../../model/nodes.js';

/** The variable with the options of a process that the supervisor starts. */
export const workerVariable = 'SFTPGW_WORKER';

/** The task of a process of the supervisor: to serve clients, or to be the embedded S3 server. */
export type WorkerTask = 'gateway' | 'embedded-s3';

/** The options of a process that the supervisor starts, as JSON. */
export interface WorkerOptions {
  readonly root: string;
  /** True with the embedded S3 server. */
  readonly embedded: boolean;
  readonly task: WorkerTask;
  readonly place: WorkerPlace;
  /** True for the first process after the start, which also checks the setup. */
  readonly isFirst: boolean;
  /** True if it begins as the lead. */
  readonly isLead: boolean;
  /** Slots of earlier processes, whose audit events this one imports. */
  readonly leftSlots: readonly number[];
  readonly logLevel?: LogLevel;
  readonly s3Listen?: ListenAddress;
  /** The embedded S3 server, if it runs in another process. */
  readonly s3Endpoint: string | null;
}

/** A message from one process to another, which the supervisor passes on. `id` is null if no answer is expected. */
export interface Post {
  readonly kind: 'post';
  readonly from: number;
  readonly to: number;
  readonly topic: string;
  readonly id: number | null;
  readonly body: unknown;
}

/** The answer to a post. */
export interface Answer {
  readonly kind: 'answer';
  readonly to: number;
  readonly id: number;
  readonly body?: unknown;
  readonly fault?: { readonly kind: FaultKind; readonly text: string };
}

/** Messages of the supervisor to its processes. `connection` comes with a socket. */
export type ToWorker =
  | { readonly kind: 'connection' }
  /** The processes that run, and which one of them leads. */
  | { readonly kind: 'members'; readonly slots: readonly number[]; readonly lead: number | null }
  /** Give up the lead, let sessions end for `drain.timeout`, then end. `reload`: sessions without an upload may continue. */
  | { readonly kind: 'drain'; readonly isReload: boolean }
  /** End at once. */
  | { readonly kind: 'end' }
  | Post
  | Answer;

/** Messages of a process to its supervisor. */
export type FromWorker =
  | { readonly kind: 'ready'; readonly bucket: string; readonly s3Endpoint: string | null }
  /** It cannot start, or cannot continue. */
  | { readonly kind: 'failed'; readonly fault: { readonly kind: FaultKind; readonly text: string } }
  /** It no longer does the work that only the lead does. */
  | { readonly kind: 'resigned' }
  /** A connection that it got has ended. */
  | { readonly kind: 'closed' }
  /** Sent every second: its event loop runs. */
  | { readonly kind: 'alive' }
  /** A line for a person. */
  | { readonly kind: 'output'; readonly line: string }
  | Post
  | Answer;

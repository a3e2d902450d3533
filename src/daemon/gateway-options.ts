import type { LogLevel, LogSink } from '../assembly/logger.js';
import type { ListenAddress } from '../config/values.js';
import type { WorkerLink } from './workers/worker-link.js';

/** The command-line options of a gateway, and the receivers of its output. */
export interface GatewayOptions {
  readonly root: string;
  /** Runs the embedded S3 server in the same process and stores the objects in it. */
  readonly embedded: boolean;
  /** Lets people log in at the console with the link of a demo. */
  readonly demo: boolean;
  /** This process as one of several; null if it is the only one. */
  readonly worker?: GatewayWorker | null;
  /** These three override the settings `sftp.listen`, `s3.listen` and `log.level`. */
  readonly sftpListen?: ListenAddress;
  readonly s3Listen?: ListenAddress;
  readonly logLevel?: LogLevel;
  /** Receives the log; process.stderr by default. */
  readonly logSink?: LogSink;
  /** Receives the lines meant for a person. */
  readonly output: (line: string) => void;
}

/** A process of several that serve clients. */
export interface GatewayWorker {
  readonly link: WorkerLink;
  /** True for the first one after the start. */
  readonly isFirst: boolean;
  /** Slots of earlier processes, whose audit events this one imports. */
  readonly leftSlots: readonly number[];
  /** The embedded S3 server, in a process of its own; null without it. */
  readonly s3Endpoint: string | null;
}

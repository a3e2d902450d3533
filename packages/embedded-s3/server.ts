import { type Credentials, ensureCredentials, type TemporaryCredentials } from './credentials.js';
import { Listener } from './http/listener.js';
import type { Log } from './log.js';
import type { ObjectEvent } from './notifications/event-message.js';
import { Notifier } from './notifications/notifier.js';
import { makeBucket } from './operations/bucket.js';
import type { ServerContext } from './operations/context.js';
import { Store } from './storage/store.js';

export interface EmbeddedS3Options {
  /** Directory of all data. Created if it is missing, readable only by its owner. */
  readonly directory: string;
  /** Port 0 selects a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly region: string;
  /** Receives the log lines. Default: none. */
  readonly log?: Log;
  /** Further connections take the slots of silent ones, or are closed. Default 1024. */
  readonly maxConnections?: number;
  /** Closes a connection whose client does not act for this time. Default 60,000. */
  readonly idleTimeoutMs?: number;
  /** Max total size of a request's headers, in bytes. Default 32 KiB. */
  readonly maxHeaderBytes?: number;
  /** Domains below which virtual-hosted buckets are, besides `localhost` and `s3.localhost`. */
  readonly domains?: readonly string[];
  /**
   * Accepts customers' keys over plain HTTP from other machines too, for setups that encrypt the
   * connection in another way. Default false.
   */
  readonly allowKeysOverPlainHttp?: boolean;
  /**
   * Targets of notifications: `{ NAME: 'http://user:secret@host:port/path' }` is the topic
   * `arn:aws:sns:REGION:000000000000:NAME` (or the queue `arn:aws:sqs:...`) of
   * PutBucketNotificationConfiguration.
   */
  readonly notificationTargets?: Readonly<Record<string, string>>;
  /**
   * Receives every change of an object in this process, when it is durable and before its request
   * is answered. Must not wait.
   */
  readonly onObjectEvent?: (event: ObjectEvent) => void;
  /** Credentials that are valid beside the server's own, such as those of an STS. Called for each request. */
  readonly temporaryCredentials?: (accessKeyId: string) => TemporaryCredentials | null;
  /** The clock, in milliseconds since the epoch. */
  readonly nowMs?: () => number;
}

export interface EmbeddedS3 {
  readonly address: { readonly host: string; readonly port: number };
  /** `http://host:port` for clients on this machine. */
  readonly endpoint: string;
  readonly credentials: Credentials;
  /** Creates the bucket if it does not exist. Throws an S3Error for an invalid name. */
  ensureBucket(name: string): Promise<void>;
  /**
   * Accepts no more requests, gives the current ones this long, then closes. The data is safe in
   * any case. May be called again.
   */
  close(timeoutMs: number): Promise<void>;
}

/** Max time that a stop waits for the delivery of events. */
const lastDeliveriesMs = 2_000;

/**
 * Starts an S3 server over a directory. Resolves when it accepts requests. Throws `DirectoryInUse`
 * if another server uses the directory, the system's error (EADDRINUSE, EACCES) if it cannot listen
 * or write, and an Error that names the file if one is damaged or missing.
 */
export async function startEmbeddedS3(options: EmbeddedS3Options): Promise<EmbeddedS3> {
  const log: Log = options.log ?? (() => undefined);
  const store = await Store.open(options.directory, (level, message, fields) =>
    log({ ...fields, level, message }),
  );
  const nowMs = options.nowMs ?? Date.now;
  try {
    const notifier = new Notifier(
      {
        region: options.region,
        targets: options.notificationTargets ?? {},
        listener: options.onObjectEvent ?? null,
        log,
        nowMs,
      },
      store.notifications,
    );
    const context: ServerContext = { store, notifier, region: options.region, nowMs };
    const credentials = await ensureCredentials(options.directory);
    const listener = new Listener(
      {
        server: context,
        credentialsOf: (accessKeyId) =>
          accessKeyId === credentials.accessKeyId
            ? credentials
            : (options.temporaryCredentials?.(accessKeyId) ?? null),
        domains: ['localhost', 's3.localhost', `s3.${options.region}.localhost`, ...(options.domains ?? [])],
        allowKeysOverPlainHttp: options.allowKeysOverPlainHttp ?? false,
        log,
      },
      {
        maxConnections: options.maxConnections ?? 1024,
        idleTimeoutMs: options.idleTimeoutMs ?? 60_000,
        maxHeaderBytes: options.maxHeaderBytes ?? 32 * 1024,
      },
    );
    const { address, port } = await listener.listen(options.listen.host, options.listen.port);
    log({
      level: 'info',
      message: 'embedded S3 is listening',
      host: address,
      port,
      directory: options.directory,
    });
    let closing: Promise<void> | null = null;
    return {
      address: { host: address, port },
      endpoint: endpointOf(address, port),
      credentials,
      ensureBucket: async (name) => void (await makeBucket(context, name)),
      close: (timeoutMs) => {
        closing ??= listener
          .close(timeoutMs)
          .finally(() => notifier.close(Math.min(timeoutMs, lastDeliveriesMs)))
          .finally(() => store.close());
        return closing;
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

function endpointOf(address: string, port: number): string {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return host.includes(':') ? `http://[${host}]:${port}` : `http://${host}:${port}`;
}

import { type Credentials, ensureCredentials } from './credentials.js';
import { Listener } from './http/listener.js';
import type { Log } from './log.js';
import type { ObjectEvent } from './notifications/event-message.js';
import { Notifier } from './notifications/notifier.js';
import { makeBucket } from './operations/bucket.js';
import type { ServerContext } from './operations/context.js';
import { Store } from './storage/store.js';

export interface EmbeddedS3Options {
  /** Where everything is kept. Made when missing, for its owner alone. */
  readonly directory: string;
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly region: string;
  /** Takes one line of log. No line ever holds a key, a signature or a header. Default: none. */
  readonly log?: Log;
  /** Connections beyond these are closed at once. Default 1024. */
  readonly maxConnections?: number;
  /** A connection on which the client should act, and does not, is closed after this. Default 60,000. */
  readonly idleTimeoutMs?: number;
  /** A request's headers in all, in bytes. Default 32 KiB. */
  readonly maxHeaderBytes?: number;
  /** Host names below which virtual-hosted buckets live, besides `localhost` and `s3.localhost`. */
  readonly domains?: readonly string[];
  /** Takes customers' keys over plain HTTP from other machines too, where something else encrypts the way. Default false. */
  readonly allowKeysOverPlainHttp?: boolean;
  /**
   * Where notifications of buckets can go: `{ NAME: 'http://user:secret@host:port/path' }` is what the topic
   * `arn:aws:sns:REGION:000000000000:NAME` (or the queue `arn:aws:sqs:...`) of PutBucketNotificationConfiguration names.
   */
  readonly notificationTargets?: Readonly<Record<string, string>>;
  /** Hears of every change to an object in this process, durable by then, before its request is answered. Must not wait. */
  readonly onObjectEvent?: (event: ObjectEvent) => void;
  /** The clock, milliseconds since the epoch. */
  readonly nowMs?: () => number;
}

export interface EmbeddedS3 {
  readonly address: { readonly host: string; readonly port: number };
  /** `http://host:port`, as clients on this machine reach it. */
  readonly endpoint: string;
  readonly credentials: Credentials;
  /** Makes the bucket unless it is there. Throws an S3Error for a name that is not one. */
  ensureBucket(name: string): Promise<void>;
  /** Takes no more requests, gives those under way this long, then closes. The data is safe in any case. Call it once or more. */
  close(timeoutMs: number): Promise<void>;
}

/** What a stop may wait for events that are still to be delivered. */
const lastDeliveriesMs = 2_000;

/**
 * Starts an S3 server over a directory. Resolves when it takes requests.
 * Throws `DirectoryInUse` when another server has the directory, the system's error (EADDRINUSE, EACCES) when it cannot
 * listen or write, and an Error that names the file when one is damaged or missing.
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
        credentials,
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
    log({ level: 'info', message: 'embedded S3 listens', host: address, port, directory: options.directory });
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

import { DirectoryInUse, type EmbeddedS3, readCredentials, startEmbeddedS3 } from '@sftpgw/embedded-s3';
import type { ListenAddress } from '../config/values.js';
import type { EventSink } from '../events/event-sink.js';
import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { embeddedRegion } from './core.js';
import type { LiveSettings } from './live-settings.js';
import { writeEmbeddedRun } from './run-file.js';

export type { EmbeddedS3 };

/**
 * Starts the embedded S3 server of a root and creates the default bucket in it. Throws `conflict` if the
 * root's server already runs, and `unavailable` if it cannot listen or its data cannot be used.
 */
export async function startEmbedded(
  settings: LiveSettings,
  options: { readonly s3Listen?: ListenAddress },
  log: Logger,
  events: EventSink | null = null,
): Promise<EmbeddedS3> {
  const listen = options.s3Listen ?? settings.current.s3Listen;
  const region = settings.current.region ?? embeddedRegion;
  const bucket = settings.requireBucket();
  try {
    const embedded = await startEmbeddedS3({
      directory: settings.paths.embeddedS3Directory,
      listen,
      region,
      onObjectEvent: (event) => events?.keyChanged(event.bucket, event.key),
      log: ({ level, message, ...fields }) => log[level](message, loggable(fields)),
    });
    await embedded.ensureBucket(bucket);
    await writeEmbeddedRun(settings.paths.runFile, { endpoint: embedded.endpoint, region, bucket });
    return embedded;
  } catch (error) {
    if (error instanceof DirectoryInUse) throw new Fault('conflict', error.message, { cause: error });
    const what = error instanceof Error ? error.message : String(error);
    throw new Fault(
      'unavailable',
      `the embedded S3 server cannot start on ${listen.host} port ${listen.port}: ${what}`,
      {
        cause: error,
      },
    );
  }
}

function loggable(
  fields: Readonly<Record<string, unknown>>,
): Record<string, string | number | boolean | null> {
  const kept: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) {
      kept[name] = value as string | number | boolean | null;
    } else if (value instanceof Error) kept[name] = `${value.name}: ${value.message}`;
  }
  return kept;
}

/** Returns the credentials of a root's embedded S3 server, or null before its first start. */
export function embeddedCredentials(settings: LiveSettings): ReturnType<typeof readCredentials> {
  return readCredentials(settings.paths.embeddedS3Directory);
}

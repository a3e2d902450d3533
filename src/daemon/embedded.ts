import { type EmbeddedS3, embeddedCredentials, startEmbedded } from '../assembly/embedded.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { RecentEvents } from './event-sources.js';
import type { GatewayOptions } from './gateway-options.js';

/** The embedded S3 server, in this process or in another one of the same supervisor. */
export type EmbeddedServer = Pick<EmbeddedS3, 'endpoint' | 'credentials'>;

/** The topic of the changes that the embedded server reports to the lead. */
export const objectChanged = 'object-changed';

/** Starts the embedded S3 server if the options ask for it. Several processes use the one of their supervisor. */
export async function embeddedOf(
  options: GatewayOptions,
  settings: LiveSettings,
  log: Logger,
  events: RecentEvents,
  resources: AsyncDisposableStack,
): Promise<EmbeddedServer | null> {
  if (!options.embedded) return null;
  const { worker = null } = options;
  if (worker === null) {
    const embedded = await startEmbedded(settings, options, log, events);
    resources.defer(() => embedded.close(settings.current.drainTimeoutMs));
    return embedded;
  }
  worker.link.answer(objectChanged, async (body) => {
    const { bucket, key } = body as { readonly bucket: string; readonly key: string };
    events.keyChanged(bucket, key);
  });
  const credentials = await embeddedCredentials(settings);
  if (worker.s3Endpoint === null || credentials === null) {
    throw new Fault('bug', 'the embedded S3 server of this worker has not started');
  }
  return { endpoint: worker.s3Endpoint, credentials };
}

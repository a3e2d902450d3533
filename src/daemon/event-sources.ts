import { startEventEndpoint } from '../api/event-endpoint.js';
import { ensureEventSecret } from '../api/event-secret.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import type { EventSink } from '../events/event-sink.js';
import { runSqsSource } from '../events/sqs-source.js';
import type { Clock, Logger } from '../model/call.js';

/** A bucket from which no event came for so long is looked at as often as one without events. */
const trustMs = 15 * 60_000;

/** Passes events on, and knows from which buckets they come. */
export class RecentEvents implements EventSink {
  readonly #clock: Clock;
  readonly #isReliable: boolean;
  readonly #lastMs = new Map<string, number>();
  #sink: EventSink | null = null;

  /** `isAlwaysTold`: S3 runs in this process, and no event of it gets lost. */
  constructor(clock: Clock, isReliable: boolean) {
    this.#clock = clock;
    this.#isReliable = isReliable;
  }

  passTo(sink: EventSink): void {
    this.#sink = sink;
  }

  keyChanged(bucket: string, key: string): void {
    if (!this.#isReliable) this.#lastMs.set(bucket, this.#clock.monotonicMs());
    this.#sink?.keyChanged(bucket, key);
  }

  /** Whether changes of this bucket are told at the moment, so that it need not be asked often. */
  areRecent(bucket: string): boolean {
    if (this.#isReliable) return true;
    const lastMs = this.#lastMs.get(bucket);
    return lastMs !== undefined && this.#clock.monotonicMs() - lastMs < trustMs;
  }
}

/** Opens the event endpoint and follows the SQS queue, where the settings name them. Faults: `invalid`, `unavailable`. */
export async function startEventSources(
  { current, paths }: LiveSettings,
  sink: EventSink,
  log: Logger,
  background: AbortController,
  resources: AsyncDisposableStack,
): Promise<void> {
  const userServices = { sink, log, clock: systemClock, entropy: systemEntropy };
  if (current.eventsListen !== null) {
    const secretFile = current.eventsSecretFile ?? paths.eventSecretFile;
    if (current.eventsSecretFile === null) await ensureEventSecret(secretFile, systemEntropy);
    const endpoint = resources.use(
      await startEventEndpoint({ ...userServices, ...current.eventsListen, secretFile }),
    );
    log.info('S3 events are taken', { ...endpoint.address, secretFile });
  }
  if (current.eventsSqsQueue !== null) {
    const running = runSqsSource(
      { ...userServices, queueUrl: current.eventsSqsQueue, region: current.region },
      background.signal,
    );
    running.catch((error: unknown) => log.error('the SQS queue is not followed', { error: error as Error }));
    resources.defer(() => {
      background.abort();
      return running;
    });
  }
}

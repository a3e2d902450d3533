import { startEventEndpoint } from '../api/event-endpoint.js';
import { ensureEventSecret } from '../api/event-secret.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import type { EventSink } from '../events/event-sink.js';
import { runSqsSource } from '../events/sqs-source.js';
import type { Clock, Logger } from '../model/call.js';
import type { Measures } from '../model/measures.js';

/** Without an event for this time, a bucket is listed as often as one without events. */
const trustMs = 15 * 60_000;

/** Passes events on and records from which buckets they come. */
export class RecentEvents implements EventSink {
  readonly #clock: Clock;
  readonly #isReliable: boolean;
  readonly #lastMs = new Map<string, number>();
  readonly #measures: Pick<Measures, 'eventReceived'>;
  #sink: EventSink | null = null;
  #lastEventMs = 0;

  /** `isReliable`: S3 runs in this process, so no event is lost. */
  constructor(clock: Clock, isReliable: boolean, measures: Pick<Measures, 'eventReceived'>) {
    this.#measures = measures;
    this.#clock = clock;
    this.#isReliable = isReliable;
  }

  passTo(sink: EventSink): void {
    this.#sink = sink;
  }

  /** Time of the last event, in milliseconds since the epoch; 0 before the first. */
  get lastEventMs(): number {
    return this.#lastEventMs;
  }

  keyChanged(bucket: string, key: string): void {
    this.#measures.eventReceived();
    this.#lastEventMs = this.#clock.nowMs();
    if (!this.#isReliable) this.#lastMs.set(bucket, this.#clock.monotonicMs());
    this.#sink?.keyChanged(bucket, key);
  }

  /** Returns true if events of this bucket arrive, so that it does not need frequent listings. */
  areRecent(bucket: string): boolean {
    if (this.#isReliable) return true;
    const lastMs = this.#lastMs.get(bucket);
    return lastMs !== undefined && this.#clock.monotonicMs() - lastMs < trustMs;
  }
}

/**
 * Starts the event endpoint and the SQS consumer, if the settings name them. Throws `invalid` and
 * `unavailable`.
 */
export async function startEventSources(
  { current, paths }: LiveSettings,
  sink: EventSink,
  measures: Measures,
  log: Logger,
  background: AbortController,
  resources: AsyncDisposableStack,
): Promise<void> {
  const userServices = { sink, measures, log, clock: systemClock, entropy: systemEntropy };
  if (current.eventsListen !== null) {
    const secretFile = current.eventsSecretFile ?? paths.eventSecretFile;
    if (current.eventsSecretFile === null) await ensureEventSecret(secretFile, systemEntropy);
    const endpoint = resources.use(
      await startEventEndpoint({ ...userServices, ...current.eventsListen, secretFile }),
    );
    log.info('event endpoint ready', { ...endpoint.address, secretFile });
  }
  if (current.eventsSqsQueue !== null) {
    const running = runSqsSource(
      { ...userServices, queueUrl: current.eventsSqsQueue, region: current.region },
      background.signal,
    );
    running.catch((error: unknown) => log.error('reading the SQS queue failed', { error: error as Error }));
    resources.defer(() => {
      background.abort();
      return running;
    });
  }
}

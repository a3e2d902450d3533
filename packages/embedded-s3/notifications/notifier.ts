import type { Log } from '../log.js';
import type { NotificationIndex } from '../storage/notification-index.js';
import { wants } from './configuration.js';
import { type ObjectEvent, renderRecord, renderTestMessage } from './event-message.js';
import { HttpTarget } from './http-target.js';

export interface NotifierOptions {
  readonly region: string;
  /** Targets of events by name: the end of an ARN, and an http or https address. */
  readonly targets: Readonly<Record<string, string>>;
  /** Receives every change, whatever the configurations of the buckets. */
  readonly listener: ((event: ObjectEvent) => void) | null;
  readonly log: Log;
  nowMs(): number;
}

/** Reports changes of objects, after they are durable and without delaying their requests. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #index: NotificationIndex;
  readonly #targets: ReadonlyMap<string, HttpTarget>;
  #sequence = 0n;

  /** Throws if the name or the address of a target is invalid. */
  constructor(options: NotifierOptions, index: NotificationIndex) {
    this.#options = options;
    this.#index = index;
    this.#targets = new Map(
      Object.entries(options.targets).map(([name, url]) => {
        // Name of a topic. https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
        if (!/^[A-Za-z0-9_-]{1,256}$/.test(name))
          throw new Error(`invalid name of a notification target: ${name}`);
        return [name, new HttpTarget({ name, url, log: options.log })];
      }),
    );
  }

  hasTarget(name: string): boolean {
    return this.#targets.has(name);
  }

  /** Never waits and never throws: the change has happened. */
  record(event: ObjectEvent): void {
    const { listener, log } = this.#options;
    try {
      listener?.(event);
      if (this.#targets.size > 0) this.#send(event);
    } catch (error) {
      log({ level: 'error', message: 'could not send an event', error: String(error) });
    }
  }

  /** Sends S3's test message to destinations that are new in a configuration. */
  sendTest(targets: readonly string[], bucket: string, requestId: string): void {
    const text = renderTestMessage(bucket, this.#options.nowMs(), requestId);
    for (const name of new Set(targets)) this.#targets.get(name)?.push({ kind: 'message', text });
  }

  /** Delivers the queued events, within the time limit. */
  async close(timeoutMs: number): Promise<void> {
    await Promise.all([...this.#targets.values()].map((target) => target.close(timeoutMs)));
  }

  #send(event: ObjectEvent): void {
    const nowMs = this.#options.nowMs();
    const wanted = this.#index.of(event.bucket).filter((each) => wants(each, event.name, event.key));
    if (wanted.length === 0) return;
    const time = { nowMs, sequencer: this.#nextSequencer(nowMs) };
    for (const { target, id } of wanted) {
      // A configuration may be older than the start of the server, which may have other targets.
      const text = renderRecord(event, time, this.#options.region, id);
      this.#targets.get(target)?.push({ kind: 'record', text });
    }
  }

  /** Grows with time, across restarts, and with each event. */
  #nextSequencer(nowMs: number): string {
    const fromTime = BigInt(Math.trunc(nowMs)) << 20n;
    this.#sequence = fromTime > this.#sequence ? fromTime : this.#sequence + 1n;
    return this.#sequence.toString(16).toUpperCase().padStart(18, '0');
  }
}

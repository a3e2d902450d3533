import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../log.js';

/** One queued item: the record of an event, or a whole message. */
export type Outgoing = { readonly kind: 'record' | 'message'; readonly text: string };

export interface HttpTargetOptions {
  readonly name: string;
  /** May contain credentials, which are sent as Basic authentication and never logged. */
  readonly url: string;
  readonly log: Log;
  /** Max events in the queue; beyond it the oldest is dropped. Default 10,000. */
  readonly maxWaiting?: number;
  /** Delay before the second attempt; doubles up to 30 s. Default 100. */
  readonly firstDelayMs?: number;
}

/** Max events in one request. */
const maxRecordsPerRequest = 100;
const maxDelayMs = 30_000;
const requestTimeoutMs = 10_000;

/** Answers after which the same message would be refused again. */
const finalStatuses: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/**
 * Posts events to one address, in order, one request at a time. Each event arrives at least once
 * while the process lives and the queue has room. A failed request is repeated until it succeeds or
 * the message is refused permanently.
 */
export class HttpTarget {
  readonly #name: string;
  readonly #url: URL;
  readonly #log: Log;
  readonly #maxWaiting: number;
  readonly #firstDelayMs: number;
  readonly #agent: http.Agent;
  readonly #wake = new AbortController();
  readonly #end = new AbortController();
  #waiting: Outgoing[] = [];
  #given = 0;
  #sending: Promise<void> | null = null;

  /** Throws if the URL is not http or https. */
  constructor(options: HttpTargetOptions) {
    this.#name = options.name;
    this.#url = new URL(options.url);
    if (!/^https?:$/.test(this.#url.protocol)) {
      throw new Error(`invalid address of the notification target ${options.name}: expected http or https`);
    }
    this.#log = options.log;
    this.#maxWaiting = options.maxWaiting ?? 10_000;
    this.#firstDelayMs = options.firstDelayMs ?? 100;
    const kept = { keepAlive: true, noDelay: true, maxSockets: 1 };
    this.#agent = this.#url.protocol === 'https:' ? new https.Agent(kept) : new http.Agent(kept);
  }

  /** Queues an event. Never waits, never throws. */
  push(outgoing: Outgoing): void {
    if (this.#wake.signal.aborted) return;
    if (this.#waiting.length >= this.#maxWaiting) this.#giveUpOldest();
    this.#waiting.push(outgoing);
    this.#sending ??= this.#send();
  }

  /** Accepts no more events. Makes one more attempt to send the queued ones, within the time limit. */
  async close(timeoutMs: number): Promise<void> {
    this.#wake.abort();
    const timer = setTimeout(() => this.#end.abort(), timeoutMs);
    await this.#sending;
    clearTimeout(timer);
    this.#agent.destroy();
    if (this.#waiting.length > 0)
      this.#logTarget('error', 'undelivered events were dropped', { events: this.#waiting.length });
  }

  async #send(): Promise<void> {
    // Events that arrive in the same turn are sent together.
    await new Promise((resolve) => setImmediate(resolve));
    for (let failures = 0; this.#waiting.length > 0 && !this.#end.signal.aborted; ) {
      const batch = this.#nextBatch();
      const given = this.#given;
      // An attempt that was under way at the stop does not count as the last one.
      const isLast = this.#wake.signal.aborted;
      const trouble = await this.#post(messageOf(batch));
      if (trouble === null || trouble.isFinal) {
        if (trouble !== null)
          this.#logTarget('error', 'the target refused events', { ...trouble, events: batch.length });
        // The oldest events may have been dropped while they were being sent.
        this.#waiting.splice(0, Math.max(0, batch.length - (this.#given - given)));
        failures = 0;
        continue;
      }
      if (isLast) return;
      const delayMs = Math.min(maxDelayMs, this.#firstDelayMs * 2 ** Math.min(failures, 20));
      failures += 1;
      this.#logTarget('warn', 'could not deliver events; retrying', { ...trouble, failures, delayMs });
      await delay(delayMs, undefined, { signal: this.#wake.signal }).catch(() => undefined);
    }
    // In the same step in which the queue became empty, so that the next event starts a new run.
    this.#sending = null;
  }

  /** Returns the oldest items: a message alone, or records that fit into one request. */
  #nextBatch(): readonly Outgoing[] {
    const end = this.#waiting.findIndex(({ kind }) => kind === 'message');
    const records = this.#waiting.slice(
      0,
      end < 0 ? maxRecordsPerRequest : Math.min(end, maxRecordsPerRequest),
    );
    return records.length > 0 ? records : this.#waiting.slice(0, 1);
  }

  #giveUpOldest(): void {
    this.#waiting.shift();
    this.#given += 1;
    if (this.#given % 1000 === 1) {
      this.#logTarget('error', 'too many undelivered events; dropping the oldest', {
        givenUp: this.#given,
      });
    }
  }

  /** Returns null if the target has accepted the message. */
  #post(text: string): Promise<{ readonly isFinal: boolean; readonly reason: string } | null> {
    const { request } = this.#url.protocol === 'https:' ? https : http;
    const body = Buffer.from(text);
    return new Promise((resolve) => {
      const outgoing = request(
        this.#url,
        {
          method: 'POST',
          agent: this.#agent,
          headers: { 'content-type': 'application/json', 'content-length': body.byteLength },
          timeout: requestTimeoutMs,
          signal: this.#end.signal,
        },
        (incoming) => {
          const status = incoming.statusCode ?? 0;
          incoming.on('error', () => undefined);
          incoming.resume();
          const isTaken = status >= 200 && status < 300;
          resolve(isTaken ? null : { isFinal: finalStatuses.has(status), reason: `HTTP status ${status}` });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
      outgoing.on('error', (error: NodeJS.ErrnoException) =>
        resolve({ isFinal: false, reason: error.code ?? error.message }),
      );
      outgoing.end(body);
    });
  }

  #logTarget(level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#log({ level, message, target: this.#name, host: this.#url.host, ...fields });
  }
}

function messageOf(batch: readonly Outgoing[]): string {
  const [first] = batch;
  if (first?.kind === 'message') return first.text;
  return `{"Records":[${batch.map(({ text }) => text).join(',')}]}`;
}

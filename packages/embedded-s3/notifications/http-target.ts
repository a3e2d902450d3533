import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../log.js';

/** What waits: one record of an event, or a message of its own. */
export type Outgoing = { readonly kind: 'record' | 'message'; readonly text: string };

export interface HttpTargetOptions {
  readonly name: string;
  /** May hold credentials, which go along as Basic authentication; no log has it. */
  readonly url: string;
  readonly log: Log;
  /** Events that wait at most; then the oldest is given up. Default 10,000. */
  readonly maxWaiting?: number;
  /** Before the second attempt; doubles up to 30 s. Default 100. */
  readonly firstDelayMs?: number;
}

/** As many events as one request carries when many wait. */
const maxRecordsPerRequest = 100;
const maxDelayMs = 30_000;
const requestTimeoutMs = 10_000;

/** Answers after which the same message would be refused again. */
const finalStatuses: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/**
 * Posts events to one address, in order, one request at a time. Each arrives at least once as long as the process lives and
 * no more wait than the queue holds; a request that fails is tried again until it succeeds or the message is refused for good.
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

  /** Throws when the URL is not of http or https. */
  constructor(options: HttpTargetOptions) {
    this.#name = options.name;
    this.#url = new URL(options.url);
    if (!/^https?:$/.test(this.#url.protocol)) {
      throw new Error(`the notification target ${options.name} needs an address of http or https`);
    }
    this.#log = options.log;
    this.#maxWaiting = options.maxWaiting ?? 10_000;
    this.#firstDelayMs = options.firstDelayMs ?? 100;
    const kept = { keepAlive: true, noDelay: true, maxSockets: 1 };
    this.#agent = this.#url.protocol === 'https:' ? new https.Agent(kept) : new http.Agent(kept);
  }

  /** Takes an event to be sent soon. Never waits, never throws. */
  push(outgoing: Outgoing): void {
    if (this.#wake.signal.aborted) return;
    if (this.#waiting.length >= this.#maxWaiting) this.#giveUpOldest();
    this.#waiting.push(outgoing);
    this.#sending ??= this.#send();
  }

  /** Takes no more; what waits gets one more attempt, all of it within the time limit. */
  async close(timeoutMs: number): Promise<void> {
    this.#wake.abort();
    const timer = setTimeout(() => this.#end.abort(), timeoutMs);
    await this.#sending;
    clearTimeout(timer);
    this.#agent.destroy();
    if (this.#waiting.length > 0)
      this.#say('error', 'events were not delivered', { events: this.#waiting.length });
  }

  async #send(): Promise<void> {
    // Those that arrive in the same turn go together.
    await new Promise((resolve) => setImmediate(resolve));
    for (let failures = 0; this.#waiting.length > 0 && !this.#end.signal.aborted; ) {
      const batch = this.#nextBatch();
      const given = this.#given;
      // One that was under way when the end came is not the attempt that is still owed.
      const isLast = this.#wake.signal.aborted;
      const trouble = await this.#post(messageOf(batch));
      if (trouble === null || trouble.isFinal) {
        if (trouble !== null) this.#say('error', 'events were refused', { ...trouble, events: batch.length });
        // The oldest may have been given up while they were sent.
        this.#waiting.splice(0, Math.max(0, batch.length - (this.#given - given)));
        failures = 0;
        continue;
      }
      if (isLast) return;
      const delayMs = Math.min(maxDelayMs, this.#firstDelayMs * 2 ** Math.min(failures, 20));
      failures += 1;
      this.#say('warn', 'events could not be delivered; trying again', { ...trouble, failures, delayMs });
      await delay(delayMs, undefined, { signal: this.#wake.signal }).catch(() => undefined);
    }
    // In the same step in which nothing was left, so that the next one pushed starts it anew.
    this.#sending = null;
  }

  /** The oldest ones: a message alone, or records that fit into one request. */
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
      this.#say('error', 'too many events wait for delivery: the oldest are given up', {
        givenUp: this.#given,
      });
    }
  }

  /** Null when it was taken. */
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

  #say(level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#log({ level, message, target: this.#name, host: this.#url.host, ...fields });
  }
}

function messageOf(batch: readonly Outgoing[]): string {
  const [first] = batch;
  if (first?.kind === 'message') return first.text;
  return `{"Records":[${batch.map(({ text }) => text).join(',')}]}`;
}

import { readFileSync } from 'node:fs';
import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
  type SQSClientConfig,
} from '@aws-sdk/client-sqs';
import type { Clock, Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { type Measures, noMeasures } from '../model/measures.js';
import { createProxyAgents } from '../network/proxy-agents.js';
import { ProxyRules } from '../network/proxy-rules.js';
import { BackOff } from './back-off.js';
import type { EventSink } from './event-sink.js';
import { parseEvents } from './parse-event.js';
import { parseQueueUrl } from './queue-url.js';

/** The queue, and the dependencies of its reader. */
export interface SqsSourceOptions {
  /** `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`. */
  readonly queueUrl: string;
  /** The region of a queue whose URL does not name it; null means AWS_REGION and the shared config file. */
  readonly region?: string | null;
  /** Null means the AWS default credential chain. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
  /** A PEM file with the certificates to trust instead of the system's. */
  readonly caFile?: string | null;
  /** How long an empty queue holds a request open, 0 to 20 s. */
  readonly waitSeconds?: number;
  readonly sink: EventSink;
  /** Counts failed requests and messages. Nothing by default. */
  readonly measures?: Pick<Measures, 'eventFailed'>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/**
 * Limits of SQS.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
 */
const maxMessages = 10;
const maxWaitSeconds = 20;

const connectTimeoutMs = 10_000;
/** Max connections: one long poll and the deletions, with a reserve for the credentials. */
const maxSockets = 8;
/** Timeout in addition to the long poll, after which the connection is dead. */
const silenceMs = 15_000;
/** Maximum deletions that run while more messages are received. */
const maxDeletions = 4;
/** Timeout of a deletion, for which a stop waits. */
const deletionTimeoutMs = 10_000;

/**
 * Receives S3's event messages from an SQS queue until the signal aborts. Passes their objects to the sink
 * and then deletes the messages. Also deletes and logs messages that are not events. Logs failures and
 * retries with increasing delays. Resolves when the signal has aborted and the last deletions are done.
 * Throws `invalid` at once for an invalid queue URL, an unreadable CA file or an invalid proxy
 * of the environment.
 */
export async function runSqsSource(options: SqsSourceOptions, signal: AbortSignal): Promise<void> {
  const source = new SqsSource(options, signal);
  await source.run();
}

class SqsSource {
  readonly #options: SqsSourceOptions;
  readonly #signal: AbortSignal;
  readonly #measures: Pick<Measures, 'eventFailed'>;
  readonly #queueUrl: string;
  readonly #client: SQSClient;
  readonly #backOff: BackOff;
  readonly #waitSeconds: number;
  readonly #deletions = new Set<Promise<void>>();

  constructor(options: SqsSourceOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#measures = options.measures ?? noMeasures;
    this.#queueUrl = parseQueueUrl(options.queueUrl).url;
    this.#waitSeconds = Math.min(options.waitSeconds ?? maxWaitSeconds, maxWaitSeconds);
    this.#backOff = new BackOff(options.entropy);
    this.#client = new SQSClient(clientConfig(options, this.#waitSeconds));
  }

  async run(): Promise<void> {
    try {
      while (!this.#signal.aborted) await this.#receive();
      await Promise.all(this.#deletions);
    } finally {
      this.#client.destroy();
    }
  }

  async #receive(): Promise<void> {
    const { log, clock } = this.#options;
    let messages: readonly Message[];
    try {
      const request = new ReceiveMessageCommand({
        QueueUrl: this.#queueUrl,
        MaxNumberOfMessages: maxMessages,
        WaitTimeSeconds: this.#waitSeconds,
      });
      const answer = await this.#client.send(request, { abortSignal: this.#signal });
      messages = answer.Messages ?? [];
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#measures.eventFailed('queue');
      const delayMs = this.#backOff.failed();
      log.warn('cannot read SQS queue; retrying', { delayMs, ...described(error) });
      await clock.sleep(delayMs, this.#signal).catch(() => undefined);
      return;
    }
    if (this.#backOff.failures > 0) log.info('SQS queue is readable again');
    this.#backOff.succeeded();
    const taken = messages.filter((message) => this.#take(message));
    if (taken.length > 0) await this.#deleteLater(taken);
  }

  /** Passes the objects of a message to the sink. Returns false if the message must stay in the queue. */
  #take(message: Message): boolean {
    const { sink, log } = this.#options;
    const messageId = message.MessageId;
    const read = parseEvents(message.Body ?? '');
    if (read.kind === 'unknown' || read.kind === 'subscription') {
      const reason = read.kind === 'unknown' ? read.reason : 'a queue does not need a subscription';
      log.warn('deleting a queue message that is not an S3 event', { messageId, reason });
      return true;
    }
    if (read.kind === 'test') {
      log.info('received S3 test event', { messageId });
      return true;
    }
    try {
      for (const { bucket, key } of read.objects) sink.keyChanged(bucket, key);
      return true;
    } catch (error) {
      this.#measures.eventFailed('queue');
      log.error('cannot process queue message; it stays in the queue', {
        messageId,
        ...described(error),
      });
      return false;
    }
  }

  /** Deletes messages while more are received. Waits only if too many deletions are running. */
  async #deleteLater(messages: readonly Message[]): Promise<void> {
    const deletion = this.#delete(messages).finally(() => this.#deletions.delete(deletion));
    this.#deletions.add(deletion);
    if (this.#deletions.size >= maxDeletions) await Promise.race(this.#deletions);
  }

  /** Deletes messages. If this fails, they are received again, which is harmless. */
  async #delete(messages: readonly Message[]): Promise<void> {
    const { log } = this.#options;
    const Entries = messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    try {
      const request = new DeleteMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries });
      const { Failed = [] } = await this.#client.send(request, {
        abortSignal: AbortSignal.timeout(deletionTimeoutMs),
      });
      const [first] = Failed;
      if (first === undefined) return;
      log.warn('cannot delete queue messages; they will be received again', {
        messages: Failed.length,
        code: first.Code,
      });
    } catch (error) {
      log.warn('cannot delete queue messages; they will be received again', {
        messages: messages.length,
        ...described(error),
      });
    }
  }
}

function clientConfig(options: SqsSourceOptions, waitSeconds: number): SQSClientConfig {
  const queue = parseQueueUrl(options.queueUrl);
  const region = queue.region ?? options.region ?? null;
  const caFile = options.caFile ?? process.env['AWS_CA_BUNDLE'] ?? '';
  const agents = createProxyAgents({
    proxies: ProxyRules.fromEnvironment(),
    ca: caFile === '' ? null : [readCertificates(caFile)],
    connectTimeoutMs,
    shared: { keepAlive: true, maxSockets },
  });
  return {
    endpoint: queue.endpoint,
    // Only this class retries, because the signal ends its delays.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: waitSeconds * 1000 + silenceMs,
      throwOnRequestTimeout: true,
      httpAgent: agents.http,
      httpsAgent: agents.https,
    },
    ...(region === null ? {} : { region }),
    ...(options.credentials ? { credentials: { ...options.credentials } } : {}),
  };
}

function readCertificates(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Fault('invalid', `the CA file ${path} cannot be read`, { cause: error });
  }
}

/** Returns log fields for an error, without the properties that the SDK adds to it. */
function described(error: unknown): { readonly code: string; readonly reason: string } {
  return error instanceof Error
    ? { code: error.name, reason: error.message }
    : { code: 'unknown', reason: String(error) };
}

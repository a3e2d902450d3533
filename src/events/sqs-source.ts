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
import { BackOff } from './back-off.js';
import type { EventSink } from './event-sink.js';
import { parseEvents } from './parse-event.js';
import { parseQueueUrl } from './queue-url.js';

export interface SqsSourceOptions {
  /** `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`. */
  readonly queueUrl: string;
  /** For a queue whose address does not name its region; null means AWS_REGION and the shared config file. */
  readonly region?: string | null;
  /** Null means the AWS default credential chain. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
  /** A PEM file with the certificates to trust instead of the system's. */
  readonly caFile?: string | null;
  /** How long the queue holds a request open while it is empty, 0 to 20 s. */
  readonly waitSeconds?: number;
  readonly sink: EventSink;
  readonly log: Logger;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** SQS's own limits. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html */
const maxMessages = 10;
const maxWaitSeconds = 20;

const connectTimeoutMs = 10_000;
/** Beyond the long poll: then the connection is dead. */
const silenceMs = 15_000;
/** Deletions that may be under way while further messages come in. */
const maxDeletions = 4;
/** What a stop may have to wait for. */
const deletionTimeoutMs = 10_000;

/**
 * Receives S3's event messages from an SQS queue until the signal aborts, hands their objects to the sink, and then deletes
 * them. A message that is no event is deleted too, and logged. Trouble is logged and tried again, ever more slowly.
 * Resolves when the signal has aborted and the last deletions are done. Throws `invalid` at once for a queue or a CA file that
 * cannot be.
 */
export async function runSqsSource(options: SqsSourceOptions, signal: AbortSignal): Promise<void> {
  const source = new SqsSource(options, signal);
  await source.run();
}

class SqsSource {
  readonly #options: SqsSourceOptions;
  readonly #signal: AbortSignal;
  readonly #queueUrl: string;
  readonly #client: SQSClient;
  readonly #backOff: BackOff;
  readonly #waitSeconds: number;
  readonly #deletions = new Set<Promise<void>>();

  constructor(options: SqsSourceOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
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
      const delayMs = this.#backOff.failed();
      log.warn('the queue with events cannot be read; trying again', { delayMs, ...described(error) });
      await clock.sleep(delayMs, this.#signal).catch(() => undefined);
      return;
    }
    if (this.#backOff.failures > 0) log.info('the queue with events can be read again');
    this.#backOff.succeeded();
    const taken = messages.filter((message) => this.#take(message));
    if (taken.length > 0) await this.#deleteLater(taken);
  }

  /** False for a message that has to come again. */
  #take(message: Message): boolean {
    const { sink, log } = this.#options;
    const messageId = message.MessageId;
    const read = parseEvents(message.Body ?? '');
    if (read.kind === 'unknown' || read.kind === 'subscription') {
      const reason = read.kind === 'unknown' ? read.reason : 'a subscription does not come through a queue';
      log.warn('a message in the queue is no event of S3; it is deleted', { messageId, reason });
      return true;
    }
    if (read.kind === 'test') {
      log.info('S3 has sent its test event: notifications arrive', { messageId });
      return true;
    }
    try {
      for (const { bucket, key } of read.objects) sink.keyChanged(bucket, key);
      return true;
    } catch (error) {
      log.error('an event failed inside the gateway; it stays in the queue', {
        messageId,
        ...described(error),
      });
      return false;
    }
  }

  /** Deletes while further messages are received; waits only when too many deletions are under way. */
  async #deleteLater(messages: readonly Message[]): Promise<void> {
    const deletion = this.#delete(messages).finally(() => this.#deletions.delete(deletion));
    this.#deletions.add(deletion);
    if (this.#deletions.size >= maxDeletions) await Promise.race(this.#deletions);
  }

  /** A message whose deletion fails comes again and does no harm. */
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
      log.warn('messages could not be deleted from the queue; they come again', {
        messages: Failed.length,
        code: first.Code,
      });
    } catch (error) {
      log.warn('messages could not be deleted from the queue; they come again', {
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
  return {
    endpoint: queue.endpoint,
    // The wait between attempts is here, where the signal ends it, and nowhere else.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: waitSeconds * 1000 + silenceMs,
      throwOnRequestTimeout: true,
      ...(caFile === '' ? {} : { httpsAgent: { ca: readCertificates(caFile) } }),
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

/** An error for the log without what the SDK hangs on it. */
function described(error: unknown): { readonly code: string; readonly reason: string } {
  return error instanceof Error
    ? { code: error.name, reason: error.message }
    : { code: 'unknown', reason: String(error) };
}

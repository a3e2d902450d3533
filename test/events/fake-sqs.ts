import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Held {
  readonly messageId: string;
  readonly body: string;
  visibleFromMs: number;
  receipt: string | null;
  receives: number;
}

/**
 * One SQS queue for a reader: the AWS JSON 1.0 protocol with ReceiveMessage (long polling, visibility
 * timeout, receipt handles) and DeleteMessageBatch.
 */
export class FakeSqs implements AsyncDisposable {
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #messages = new Map<string, Held>();
  readonly #waiting = new Set<() => void>();
  readonly #visibilityMs: number;
  /** Every requested operation, with its credential scope. */
  readonly requests: { readonly operation: string; readonly scope: string }[] = [];
  /** Errors with which the next requests are answered. */
  readonly failures: { readonly operation: string; readonly code: string; readonly status: number }[] = [];
  /** Bodies that are sent once with a wrong MD5. */
  readonly damaged = new Set<string>();

  constructor(visibilityMs = 30_000) {
    this.#visibilityMs = visibilityMs;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get queueUrl(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/000000000000/events`;
  }

  send(body: string): void {
    const messageId = randomUUID();
    this.#messages.set(messageId, { messageId, body, visibleFromMs: 0, receipt: null, receives: 0 });
    for (const wake of [...this.#waiting]) wake();
  }

  /** Number of messages that are not deleted, including received ones. */
  get size(): number {
    return this.#messages.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const operation = String(request.headers['x-amz-target']).replace('AmazonSQS.', '');
    const [, scope = ''] = /Credential=[^/]+\/([^,]+)/.exec(request.headers.authorization ?? '') ?? [];
    this.requests.push({ operation, scope });
    const input = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    const failure = this.failures.findIndex((planned) => planned.operation === operation);
    const [planned] = failure < 0 ? [] : this.failures.splice(failure, 1);
    if (planned !== undefined) fail(response, planned.status, planned.code);
    else if (input['QueueUrl'] !== this.queueUrl) fail(response, 400, 'QueueDoesNotExist');
    else if (operation === 'ReceiveMessage') await this.#receive(response, input);
    else if (operation === 'DeleteMessageBatch') this.#deleteBatch(response, input);
    else fail(response, 400, 'InvalidAction');
  }

  async #receive(response: ServerResponse, input: Record<string, unknown>): Promise<void> {
    const max = Number(input['MaxNumberOfMessages'] ?? 1);
    if (max < 1 || max > 10) {
      fail(response, 400, 'InvalidParameterValue');
      return;
    }
    const untilMs = performance.now() + Number(input['WaitTimeSeconds'] ?? 0) * 1000;
    let found = this.#visible(max);
    while (found.length === 0 && performance.now() < untilMs && !response.destroyed) {
      await this.#arrival(Math.min(untilMs - performance.now(), this.#visibilityMs / 4));
      found = response.destroyed ? [] : this.#visible(max);
    }
    answer(response, 200, {
      Messages: found.map(({ messageId, body, receipt }) => ({
        MessageId: messageId,
        ReceiptHandle: receipt,
        Body: body,
        MD5OfBody: this.damaged.delete(body) ? '0'.repeat(32) : md5(body),
      })),
    });
  }

  #visible(max: number): readonly Held[] {
    const nowMs = performance.now();
    const found = [...this.#messages.values()].filter((held) => held.visibleFromMs <= nowMs).slice(0, max);
    for (const held of found) {
      held.visibleFromMs = nowMs + this.#visibilityMs;
      held.receipt = randomUUID();
      held.receives += 1;
    }
    return found;
  }

  #arrival(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, limitMs);
      this.#waiting.add(wake);
    });
  }

  #deleteBatch(response: ServerResponse, input: Record<string, unknown>): void {
    const entries = input['Entries'] as readonly { readonly Id: string; readonly ReceiptHandle: string }[];
    if (entries.length === 0 || entries.length > 10) {
      fail(response, 400, 'TooManyEntriesInBatchRequest');
      return;
    }
    const Successful: object[] = [];
    const Failed: object[] = [];
    for (const { Id, ReceiptHandle } of entries) {
      const held = [...this.#messages.values()].find(({ receipt }) => receipt === ReceiptHandle);
      if (held === undefined) Failed.push({ Id, SenderFault: true, Code: 'ReceiptHandleIsInvalid' });
      else {
        this.#messages.delete(held.messageId);
        Successful.push({ Id });
      }
    }
    answer(response, 200, { Successful, Failed });
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return;
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.0',
    'x-amzn-requestid': randomUUID(),
  });
  response.end(JSON.stringify(body));
}

function fail(response: ServerResponse, status: number, code: string): void {
  answer(response, status, { __type: `com.amazonaws.sqs#${code}`, message: `planned: ${code}` });
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

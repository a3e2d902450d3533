import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runSqsSource, type SqsSourceOptions } from '../../src/events/sqs-source.js';
import { type LogLine, recordingLogger, testClock, testEntropy } from '../../src/sftp/testing/test-logger.js';
import { eventually } from '../support/wait.js';
import { FakeSqs } from './fake-sqs.js';

const event = (key: string) =>
  JSON.stringify({ Records: [{ eventSource: 'aws:s3', s3: { bucket: { name: 'b' }, object: { key } } }] });

let queue: FakeSqs;
let stop: AbortController;
let running: Promise<void>;
let changed: string[];
let lines: LogLine[];
let sink: (bucket: string, key: string) => void;
const warnings = () => lines.filter(({ level }) => level === 'warn' || level === 'error');

function start(more: Partial<SqsSourceOptions> = {}): void {
  const options: SqsSourceOptions = {
    queueUrl: queue.queueUrl,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'canary-secret' },
    sink: { keyChanged: (bucket, key) => sink(bucket, key) },
    log: recordingLogger(lines),
    clock: testClock,
    entropy: testEntropy,
    ...more,
  };
  running = runSqsSource(options, stop.signal);
}

beforeEach(async () => {
  queue = new FakeSqs(400);
  await queue.start();
  stop = new AbortController();
  running = Promise.resolve();
  changed = [];
  lines = [];
  sink = (bucket, key) => void changed.push(`${bucket}/${key}`);
});
afterEach(async () => {
  stop.abort();
  await running;
  await queue[Symbol.asyncDispose]();
});

describe('the queue', () => {
  it('is emptied: each message, old or new, reaches the sink once and is deleted', async () => {
    for (let count = 0; count < 25; count += 1) queue.send(event(`before-${count}`));
    start();
    await eventually('the queue is empty', () => queue.size === 0);
    queue.send(event('later+on'));
    await eventually('the queue is empty again', () => queue.size === 0);
    const expected = Array.from({ length: 25 }, (_, count) => `b/before-${count}`);
    expect([...changed].sort()).toEqual([...expected, 'b/later on'].sort());
    expect(warnings()).toEqual([]);
  });

  it('is read with long polls of ten messages, signed for SQS in its region', async () => {
    start();
    for (let count = 0; count < 30; count += 1) queue.send(event(String(count)));
    await eventually('the queue is empty', () => queue.size === 0);
    // Three or four answers with messages, as many deletions, and the current poll.
    expect(queue.requests.length).toBeLessThanOrEqual(12);
    for (const { scope } of queue.requests) expect(scope).toMatch(/^\d{8}\/eu-west-1\/sqs\/aws4_request$/);
  });

  it('is not read after the signal, which ends a poll at once', async () => {
    start();
    await eventually('a poll hangs', () => queue.requests.length === 1);
    const startedMs = performance.now();
    stop.abort();
    await running;
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(queue.requests).toHaveLength(1);
    expect(warnings()).toEqual([]);
  });

  it('loses nothing when it stops: processed messages are deleted, others stay', async () => {
    for (let count = 0; count < 15; count += 1) queue.send(event(String(count)));
    sink = (_, key) => {
      changed.push(key);
      if (changed.length === 3) stop.abort();
    };
    start();
    await running;
    expect(changed).toHaveLength(10);
    expect(queue.size).toBe(5);
  });
});

describe('messages that are not events', () => {
  it('are deleted and logged without their content, and do not affect others', async () => {
    queue.send('canary garbage');
    queue.send(event('a'));
    queue.send('{"Event":"s3:TestEvent"}');
    start();
    await eventually('the queue is empty', () => queue.size === 0);
    expect(changed).toEqual(['b/a']);
    expect(warnings()).toMatchObject([{ message: expect.stringContaining('not an S3 event') }]);
    expect(JSON.stringify(lines)).not.toContain('canary');
  });
});

describe('a failure', () => {
  it('of the queue is retried after a delay, and its end is logged', async () => {
    queue.failures.push({ operation: 'ReceiveMessage', code: 'ServiceUnavailable', status: 503 });
    queue.failures.push({ operation: 'ReceiveMessage', code: 'AccessDenied', status: 403 });
    queue.send(event('a'));
    start();
    await eventually('the queue is empty', () => queue.size === 0);
    expect(changed).toEqual(['b/a']);
    expect(warnings()).toHaveLength(2);
    const delays = warnings().map(({ fields }) => Number(fields['delayMs']));
    expect(delays[0]).toBeGreaterThanOrEqual(250);
    expect(delays[1]).toBeGreaterThanOrEqual(500);
    expect(lines).toContainEqual(expect.objectContaining({ message: expect.stringContaining('again') }));
    expect(JSON.stringify(lines)).not.toContain('canary');
  });

  it('of a deletion repeats the message, which is harmless', async () => {
    queue.failures.push({ operation: 'DeleteMessageBatch', code: 'InternalError', status: 500 });
    queue.send(event('a'));
    start();
    await eventually('the queue is empty', () => queue.size === 0);
    expect(changed).toEqual(['b/a', 'b/a']);
    expect(warnings()).toHaveLength(1);
  });

  it('of the sink leaves the message in the queue', async () => {
    let calls = 0;
    sink = (bucket, key) => {
      calls += 1;
      if (calls === 1) throw new Error('not now');
      changed.push(`${bucket}/${key}`);
    };
    queue.send(event('a'));
    start();
    await eventually('the queue is empty', () => queue.size === 0);
    expect(changed).toEqual(['b/a']);
  });

  it('of the transfer is detected by the checksum of the body', async () => {
    queue.damaged.add(event('a'));
    queue.send(event('a'));
    start();
    await eventually('the queue is empty', () => queue.size === 0);
    expect(changed).toEqual(['b/a']);
    expect(warnings()).toHaveLength(1);
  });

  it('in the configuration is reported at once', async () => {
    for (const queueUrl of ['events', 'https://sqs.eu-west-1.amazonaws.com', 'ftp://host/1/events']) {
      start({ queueUrl });
      await expect(running).rejects.toMatchObject({ kind: 'invalid' });
    }
    start({ caFile: '/nowhere/ca.pem' });
    await expect(running).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringContaining('/nowhere'),
    });
    running = Promise.resolve();
  });
});

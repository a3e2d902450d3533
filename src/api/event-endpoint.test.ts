import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { maxMessageBytes } from '../events/parse-event.js';
import { faultKinds } from '../model/fault.js';
import { type LogLine, recordingLogger, testClock, testEntropy } from '../sftp/testing/test-logger.js';
import { type EventEndpoint, eventsPath, startEventEndpoint } from './event-endpoint.js';
import { ensureEventSecret } from './event-secret.js';
import { healthPath } from './health.js';
import { httpStatusOf } from './problem.js';

const secret = `canary-${randomBytes(12).toString('hex')}`;
const entropy = testEntropy;
const event = (key: string) =>
  JSON.stringify({ Records: [{ eventSource: 'aws:s3', s3: { bucket: { name: 'b' }, object: { key } } }] });

let directory: string;
let secretFile: string;
let endpoint: EventEndpoint;
let logged: LogLine[];
let changed: string[];
let sink: (bucket: string, key: string) => void;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-events-'));
  secretFile = join(directory, 'secret');
  await writeFile(secretFile, `${secret}\n`, { mode: 0o600 });
  logged = [];
  changed = [];
  sink = (bucket, key) => void changed.push(`${bucket}/${key}`);
  endpoint = await start();
});
afterEach(async () => {
  await endpoint.close();
  await rm(directory, { recursive: true });
});

const start = (more: Partial<Parameters<typeof startEventEndpoint>[0]> = {}) =>
  startEventEndpoint({
    host: '127.0.0.1',
    port: 0,
    secretFile,
    sink: { keyChanged: (bucket, key) => sink(bucket, key) },
    log: recordingLogger(logged),
    clock: testClock,
    entropy,
    ...more,
  });

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: string | Buffer = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...endpoint.address, method, path, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const bearer = { authorization: `Bearer ${secret}` };
const basic = (password: string) => ({
  authorization: `Basic ${Buffer.from(`user:${password}`).toString('base64')}`,
});

describe('a message with the secret', () => {
  it.each([
    ['as bearer token', eventsPath, bearer],
    ['as password', eventsPath, basic(secret)],
    ['in the address', `${eventsPath}?secret=${secret}`, {}],
    ['in the address beside another sender’s credentials', `${eventsPath}?secret=${secret}`, basic('other')],
  ])('%s is accepted with 204, and the sink receives the object', async (_, path, headers) => {
    const answer = await ask('POST', path, headers, event('a+b'));
    expect(answer.status).toBe(204);
    expect(changed).toEqual(['b/a b']);
  });

  it('is refused with 400 and a problem document with the reason if it is not an event', async () => {
    const answer = await ask('POST', eventsPath, bearer, 'hello');
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer.text)).toMatchObject({
      type: 'about:blank',
      status: 400,
      kind: 'invalid',
      detail: 'the message is not JSON in UTF-8',
      requestId: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(changed).toEqual([]);
  });

  it.each([
    ['declared', { 'content-length': String(maxMessageBytes + 1) }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('is refused with 413 if it is too large, with its length %s', async (_, headers) => {
    const body = Buffer.alloc(maxMessageBytes + 1, ' ');
    expect((await ask('POST', eventsPath, { ...bearer, ...headers }, body)).status).toBe(413);
  });

  it('is accepted at the limit', async () => {
    const text = event('a');
    const padded = text + ' '.repeat(maxMessageBytes - text.length);
    expect((await ask('POST', eventsPath, bearer, padded)).status).toBe(204);
  });

  it('gets status 500 if the gateway fails, and only the log has the reason', async () => {
    sink = () => {
      throw new Error('the inside');
    };
    const answer = await ask('POST', eventsPath, bearer, event('a'));
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('the inside');
    expect(logged).toContainEqual(expect.objectContaining({ level: 'error' }));
  });

  it('may be the test event, or a subscription that a person must confirm', async () => {
    expect((await ask('POST', eventsPath, bearer, '{"Event":"s3:TestEvent"}')).status).toBe(204);
    const SubscribeURL = 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription';
    const subscription = JSON.stringify({ Type: 'SubscriptionConfirmation', SubscribeURL });
    expect((await ask('POST', eventsPath, bearer, subscription)).status).toBe(204);
    expect(logged.filter(({ level }) => level !== 'debug')).toMatchObject([
      { level: 'info' },
      { level: 'warn', fields: { address: SubscribeURL } },
    ]);
  });
});

describe('a message without the secret', () => {
  it.each([
    ['no credentials', eventsPath, {}],
    ['another secret', eventsPath, { authorization: `Bearer ${secret}x` }],
    ['the beginning of the secret', eventsPath, basic(secret.slice(0, -1))],
    ['an empty secret', `${eventsPath}?secret=`, {}],
    ['the secret in an unknown scheme', eventsPath, { authorization: `Secret ${secret}` }],
    [
      'the secret as the user',
      eventsPath,
      { authorization: `Basic ${Buffer.from(`${secret}:`).toString('base64')}` },
    ],
  ])('(%s) is refused with 401 and not processed', async (_, path, headers) => {
    const answer = await ask('POST', path, headers, event('a'));
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('Basic');
    expect(changed).toEqual([]);
  });

  it('is counted', async () => {
    await endpoint.close();
    let failures = 0;
    const eventFailed = () => {
      failures += 1;
    };
    endpoint = await start({ measures: { eventFailed } });
    await ask('POST', eventsPath, basic('wrong'), event('a'));
    await ask('POST', eventsPath, bearer, 'garbage');
    await ask('POST', eventsPath, bearer, event('a'));
    expect(failures).toBe(2);
  });

  it('cannot fill the log', async () => {
    for (let count = 0; count < 20; count += 1) await ask('POST', eventsPath, basic('wrong'), event('a'));
    expect(logged.filter(({ level }) => level !== 'debug')).toHaveLength(1);
  });
});

describe('the secret', () => {
  it('never reaches the log or an answer', async () => {
    const answers = [
      await ask('POST', `${eventsPath}?secret=${secret}`, bearer, event('a')),
      await ask('POST', `${eventsPath}?secret=${secret}`, basic(secret), 'garbage'),
      await ask('GET', `/elsewhere?secret=${secret}`, bearer),
      await ask('GET', `${eventsPath}?secret=${secret}`, bearer),
      await ask('POST', `${eventsPath}?secret=${secret}x`, {}, event('a')),
    ];
    expect(answers.map(({ status }) => status)).toEqual([204, 400, 404, 405, 401]);
    expect(logged.length).toBeGreaterThanOrEqual(5);
    expect(inspect([logged, answers], { depth: 10 })).not.toContain(secret);
  });

  it('is read again after a change of the file, which may have several secrets', async () => {
    const next = 'another-secret-0123';
    await writeFile(secretFile, `${next}\n${secret}\n`);
    expect((await ask('POST', eventsPath, basic(next), event('a'))).status).toBe(204);
    expect((await ask('POST', eventsPath, bearer, event('a'))).status).toBe(204);
    await writeFile(secretFile, next);
    expect((await ask('POST', eventsPath, bearer, event('a'))).status).toBe(401);
  });

  it('is refused with 503 if its file is missing or readable by others, and the log names the file', async () => {
    await chmod(secretFile, 0o640);
    expect((await ask('POST', eventsPath, bearer, event('a'))).status).toBe(503);
    await rm(secretFile);
    const answer = await ask('POST', eventsPath, bearer, event('a'));
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain(directory);
    expect(inspect(logged, { depth: 5 })).toContain(secretFile);
    expect(changed).toEqual([]);
  });

  it.each([
    ['is missing', null, 0o600, 'does not exist'],
    ['is empty', '\n', 0o600, 'is empty'],
    ['is short', 'short', 0o600, '16 or more'],
    ['is open to others', secret, 0o644, 'chmod 600'],
  ])('that %s prevents the start of the endpoint', async (_, content, mode, text) => {
    const path = join(directory, 'other');
    if (content !== null) await writeFile(path, content, { mode });
    await expect(start({ secretFile: path })).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringContaining(text),
    });
  });

  it('is generated if it does not exist, and otherwise not changed', async () => {
    const path = join(directory, 'made');
    await ensureEventSecret(path, entropy);
    const made = await readFile(path, 'utf8');
    expect(made).toMatch(/^[\w-]{43}\n$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await ensureEventSecret(path, entropy);
    expect(await readFile(path, 'utf8')).toBe(made);
  });
});

describe('the server', () => {
  it('reports its health without authentication', async () => {
    expect(await ask('GET', healthPath)).toMatchObject({ status: 200, text: 'ok\n' });
    expect((await ask('HEAD', healthPath)).status).toBe(200);
  });

  it('answers other paths with 404, and other methods with 405 and the allowed ones', async () => {
    expect((await ask('POST', '/', bearer, event('a'))).status).toBe(404);
    expect(await ask('GET', eventsPath, bearer)).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect(await ask('POST', healthPath)).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it('survives bytes that are not HTTP, invalid paths, and clients that disconnect during a request', async () => {
    const talk = (text: string) =>
      new Promise<string>((resolve) => {
        let heard = '';
        const socket = connect(endpoint.address.port, endpoint.address.host);
        socket.on('data', (chunk) => {
          heard += chunk.toString();
        });
        socket.on('error', () => undefined);
        socket.on('close', () => resolve(heard));
        socket.end(text);
      });
    expect(await talk('\u0016\u0003\u0001garbage\r\n\r\n')).toContain('400');
    expect(await talk('GET http://[ HTTP/1.1\r\nhost: a\r\n\r\n')).toContain('400');
    await talk(
      `POST ${eventsPath} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${secret}\r\ncontent-length: 99\r\n\r\n{`,
    );
    expect((await ask('POST', eventsPath, bearer, event('a'))).status).toBe(204);
    expect(logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('reports a port in use', async () => {
    await expect(start({ port: endpoint.address.port })).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('has a status for every kind of fault', () => {
    for (const kind of faultKinds) expect(httpStatusOf(kind)).toBeGreaterThanOrEqual(400);
  });
});

describe('clients without the secret', () => {
  const opened: Socket[] = [];
  afterEach(() => {
    for (const socket of opened.splice(0)) socket.destroy();
  });

  /** Opens a connection that sends this and never its body. Resolves to the answer when it is closed. */
  function send(text: string): { readonly socket: Socket; readonly closed: Promise<string> } {
    let heard = '';
    const socket = connect(endpoint.address.port, endpoint.address.host);
    opened.push(socket);
    socket.on('data', (chunk) => {
      heard += chunk.toString();
    });
    socket.on('error', () => undefined);
    const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(heard)));
    socket.write(text);
    return { socket, closed };
  }

  const post = (headers: string) => `POST ${eventsPath} HTTP/1.1\r\nhost: a\r\n${headers}\r\n`;

  it.each([
    ['with a length', 'content-length: 1000\r\n'],
    ['in chunks', 'transfer-encoding: chunked\r\n'],
    ['that is absent', ''],
    ['with another secret', 'authorization: Bearer wrong-wrong-wrong\r\ncontent-length: 1000\r\n'],
  ])('get 401 before their body, and are disconnected: a body %s', async (_, headers) => {
    const answers = await Promise.all(Array.from({ length: 128 }, () => send(post(headers)).closed));
    for (const answer of answers) expect(answer === '' || answer.startsWith('HTTP/1.1 401')).toBe(true);
    expect(answers.some((answer) => answer.startsWith('HTTP/1.1 401'))).toBe(true);
  });

  it('do not keep the health check or a sender out, whatever they hold open', async () => {
    for (const held of ['', post(''), `POST ${eventsPath} HTTP/1.1\r\nx: `, post('content-length: 9\r\n')]) {
      for (let count = 0; count < 200; count += 1) send(held);
      expect((await ask('GET', healthPath)).status).toBe(200);
      expect((await ask('POST', eventsPath, bearer, event('a'))).status).toBe(204);
    }
  });

  it('do not cost a sender its connection', async () => {
    const { socket, closed } = send('');
    const answered = once(socket, 'data');
    const message = event('a');
    const request =
      post(`authorization: Bearer ${secret}\r\ncontent-length: ${message.length}\r\n`) + message;
    socket.write(request);
    expect(String((await answered)[0])).toContain('204');
    for (let count = 0; count < 200; count += 1) send('');
    expect((await ask('GET', healthPath)).status).toBe(200);
    const again = once(socket, 'data');
    socket.write(request);
    expect(String((await again)[0])).toContain('204');
    socket.destroy();
    await closed;
  });
});

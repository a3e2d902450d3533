import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../../src/endpoints/operations.js';
import { newAgeIdentity, parseAgeIdentity, unseal } from '../../src/keyring/age.js';
import { ApiClient, pathOf } from '../support/api-client.js';
import { Gateway } from '../support/gateway.js';
import { SeededRandom } from '../support/random.js';
import { eventually } from '../support/wait.js';

describe('requests to the API', () => {
  let gateway: Gateway;
  let socketPath: string;
  let admin: ApiClient;

  beforeAll(async () => {
    gateway = await Gateway.start({ s3: null });
    socketPath = join(gateway.root, 'var/lib/sftpgw/control.sock');
    admin = ApiClient.onSocket(socketPath, 'admin');
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  it('with the same Idempotency-Key run once, also at the same time, and not for another request', async () => {
    const headers = { 'idempotency-key': 'one' };
    const body = { label: 'once' };
    const answers = await Promise.all(
      [1, 2].map(() => admin.request('POST', '/api/keys', { body, headers })),
    );
    // The second is refused while the first is in work, or gets its answer.
    expect(answers.map(({ status }) => status).sort()).toEqual([201, expect.toBeOneOf([201, 409])]);
    const repeated = await admin.request('POST', '/api/keys', { body, headers });
    const first = answers.find(({ status }) => status === 201);
    expect(repeated).toMatchObject({ status: 201, json: first?.json });
    const other = await admin.request('POST', '/api/keys', { body: { label: 'other' }, headers });
    expect(other).toMatchObject({ status: 409 });
    const { json } = await admin.request('GET', '/api/keys');
    expect((json as { readonly items: readonly unknown[] }).items).toHaveLength(1);
  });

  it('with an Idempotency-Key whose answer has a secret store no answer', async () => {
    const body = { label: 'x', role: 'viewer', expiresInSeconds: 60 };
    const headers = { 'idempotency-key': 'two' };
    expect(await admin.request('POST', '/api/tokens', { body, headers })).toMatchObject({ status: 201 });
    expect(await admin.request('POST', '/api/tokens', { body, headers })).toMatchObject({ status: 409 });
  });

  it('that store, copy and remove an object are recorded once each', async () => {
    const user = { username: 'once', password: 'long password 1', encryption: 'sse-s3' };
    expect(await admin.request('POST', '/api/users', { body: user })).toMatchObject({ status: 201 });
    const place = (key: string) => `bucket=sftpgw&key=${encodeURIComponent(key)}`;
    const headers = { 'content-type': 'application/octet-stream' };
    const put = await admin.request('PUT', `/api/objects/content?${place('once/uploads/a')}`, {
      body: Buffer.from('a'),
      headers,
    });
    expect(put).toMatchObject({ status: 200 });
    const copy = (from: string) =>
      admin.request('POST', '/api/objects/copy', {
        body: { from: { bucket: 'sftpgw', key: from }, to: { bucket: 'sftpgw', key: 'once/uploads/b' } },
      });
    expect(await copy('once/uploads/a')).toMatchObject({ status: 200 });
    const removed = await admin.request('DELETE', `/api/objects?${place('once/uploads/a')}`);
    expect(removed).toMatchObject({ status: 204 });
    const recorded = await eventually('the trail has the removal', async () => {
      const { json } = await admin.request('GET', '/api/audit?limit=20');
      const { items } = json as {
        readonly items: readonly { readonly action: string; readonly result: string }[];
      };
      const found = items.filter(({ action }) => action.startsWith('object.'));
      return found[0]?.action === 'object.remove' ? found : null;
    });
    expect(recorded.map(({ action, result }) => `${action} ${result}`).reverse()).toEqual([
      'object.put ok',
      'object.copy ok',
      'object.remove ok',
    ]);
  });

  it('that change a user need its version, so that one of two admins is refused', async () => {
    await admin.request('POST', '/api/users', { body: { username: 'bob', password: 'long password 1' } });
    const { headers } = await admin.request('GET', '/api/users/bob');
    const change = (body: unknown, ifMatch: string | undefined) =>
      admin.request('PATCH', '/api/users/bob', {
        body,
        ...(ifMatch === undefined ? {} : { headers: { 'if-match': ifMatch } }),
      });
    expect(await change({ shared: true }, undefined)).toMatchObject({ status: 428 });
    const [one, other] = await Promise.all([
      change({ shared: true }, headers.etag),
      change({ downloads: true }, headers.etag),
    ]);
    expect([one.status, other.status].sort()).toEqual([200, 412]);
    expect(await change({ bucket: 'No' }, '*')).toMatchObject({
      status: 400,
      json: { errors: [{ in: 'body', pointer: '/bucket' }] },
    });
  });

  it('that change settings need their version too, as each operation does whose description has it', async () => {
    const { headers } = await admin.request('GET', '/api/settings');
    const change = (banAfter: string) =>
      admin.request('PATCH', '/api/settings', {
        body: { values: { 'sftp.ban.after': banAfter } },
        headers: { 'if-match': headers.etag ?? '' },
      });
    const answers = [await change('200'), await change('300')];
    expect(answers.map(({ status }) => status)).toEqual([200, 412]);
    const versioned = operations.filter(({ needsIfMatch }) => needsIfMatch);
    expect(versioned.length).toBeGreaterThan(2);
    for (const operation of versioned) {
      const { example, method } = operation;
      const body = example.body === undefined ? {} : { body: example.body };
      const answer = await admin.request(method, pathOf(operation, example.parameters), body);
      expect([operation.id, answer.status]).toEqual([operation.id, 428]);
    }
  });

  it('with an Idempotency-Key have the same answer after the gateway was killed', async () => {
    const request = { body: { label: 'killed' }, headers: { 'idempotency-key': 'killed' } };
    const first = await admin.request('POST', '/api/keys', request);
    expect(first).toMatchObject({ status: 201 });
    await gateway.end('SIGKILL');
    await gateway.serve();
    expect(await admin.request('POST', '/api/keys', request)).toMatchObject({
      status: 201,
      json: first.json,
    });
    const { json } = await admin.request('GET', '/api/keys');
    const { items } = json as { readonly items: readonly { readonly label: string }[] };
    expect(items.filter(({ label }) => label === 'killed')).toHaveLength(1);
  });

  it('for pages skip and repeat nothing while items come and go', async () => {
    for (const name of ['u1', 'u2', 'u3', 'u4', 'u5']) {
      await admin.request('POST', '/api/users', { body: { username: name, password: 'long password 1' } });
    }
    const page = async (cursor: string | null) => {
      const more = cursor === null ? '' : `&cursor=${cursor}`;
      const { json } = await admin.request('GET', `/api/users?name=u&limit=2${more}`);
      return json as {
        readonly items: readonly { readonly username: string }[];
        readonly next: string | null;
      };
    };
    const names: string[] = [];
    const first = await page(null);
    names.push(...first.items.map(({ username }) => username));
    await admin.request('DELETE', '/api/users/u1', { headers: { 'if-match': '*' } });
    await admin.request('POST', '/api/users', { body: { username: 'u0', password: 'long password 1' } });
    for (let next = first.next; next !== null; ) {
      const following = await page(next);
      names.push(...following.items.map(({ username }) => username));
      ({ next } = following);
    }
    expect(names).toEqual(['u1', 'u2', 'u3', 'u4', 'u5']);
    expect(await admin.request('GET', '/api/users?cursor=%00')).toMatchObject({ status: 400 });
  });

  it('prove the recovery identity by words that only its holder can open', async () => {
    expect(await admin.request('POST', '/api/recovery/drills', { body: {} })).toMatchObject({ status: 404 });
    const { secret, recipient } = await newAgeIdentity();
    expect(await gateway.cli(['recovery', 'init', '--recipient', recipient])).toMatchObject({ code: 0 });
    const begun = await admin.request('POST', '/api/recovery/drills', { body: {} });
    const { id, sealed } = begun.json as { readonly id: string; readonly sealed: string };
    const bytes = Buffer.from(sealed.split('\n').slice(1, -2).join(''), 'base64');
    const opened = await unseal(bytes, await parseAgeIdentity(secret));
    const words = opened.kind === 'opened' ? Buffer.from(opened.bytes).toString() : '';
    expect(
      await admin.request('POST', `/api/recovery/drills/${id}`, { body: { words: 'wrong' } }),
    ).toMatchObject({
      status: 403,
    });
    expect(await admin.request('POST', `/api/recovery/drills/${id}`, { body: { words } })).toMatchObject({
      status: 200,
      json: { recipient },
    });
    expect(await admin.request('POST', `/api/recovery/drills/${id}`, { body: { words } })).toMatchObject({
      status: 404,
    });
  });

  it('with slow headers, or a body that is too large or of another type, are cut off', async () => {
    const slow = connect(socketPath);
    const heard: Buffer[] = [];
    slow.on('data', (bytes) => heard.push(bytes));
    const closed = new Promise((resolve) => slow.on('close', resolve));
    slow.write('GET /api/users HTTP/1.1\r\nhost: x\r\nx-a: ');
    const headers = { 'content-type': 'application/json' };
    const large = Buffer.alloc(1024 * 1024 + 1, 0x20);
    expect(await admin.request('POST', '/api/users', { body: large, headers })).toMatchObject({
      status: 413,
    });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(await admin.request('POST', '/api/users', { body: 'username=x', headers: form })).toMatchObject({
      status: 415,
    });
    await closed;
    expect(Buffer.concat(heard).toString()).toMatch(/^HTTP\/1\.1 408/);
  });

  it('that are malformed never fail inside the gateway, whatever they are', async () => {
    const random = SeededRandom.fromEnvironment();
    const oneIn = (count: number) => random.between(1, count) === 1;
    const pick = <T>(list: readonly T[]): T => random.pick(list);
    const strange: readonly unknown[] = [
      ...[
        null,
        true,
        -1,
        0,
        1e308,
        1.5,
        '',
        ' ',
        'x',
        '\u0000',
        '../../etc/passwd',
        '\ud800',
        'ä'.repeat(2000),
      ],
      ...[
        [],
        [[]],
        {},
        { __proto__: null, a: 1 },
        ['x'],
        'sse-c',
        '"',
        '%',
        '%00',
        'age1x',
        '*',
        'constructor',
      ],
    ];
    const mutated = (value: unknown): unknown => {
      if (oneIn(4)) return pick(strange);
      if (Array.isArray(value)) return value.map(mutated);
      if (typeof value !== 'object' || value === null) return oneIn(2) ? value : pick(strange);
      const entries = Object.entries(value).filter(() => !oneIn(5));
      if (oneIn(5)) entries.push([String(pick(['x', '__proto__', 'constructor', 'limit'])), pick(strange)]);
      return Object.fromEntries(entries.map(([name, one]) => [name, mutated(one)]));
    };
    // Long work that a valid mutant would begin is tested elsewhere.
    const quick = operations.filter(
      ({ gives, id }) => gives !== 'lines' && !/^(?:run|verify|rebuild)/.test(id),
    );
    const total = process.env['SFTPGW_DRILL'] === 'full' ? 10_000 : 1_000;
    const failures: string[] = [];
    for (let done = 0; done < total; done += 20) {
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const operation = pick(quick);
          const { example, method, takes } = operation;
          const parameters = mutated(example.parameters ?? {});
          const query = mutated(example.query ?? {});
          const body = takes === 'bytes' ? Buffer.from('x') : mutated(example.body ?? {});
          const isObject = (value: unknown) => typeof value === 'object' && value !== null;
          const path = pathOf(
            operation,
            isObject(parameters) ? parameters : {},
            isObject(query) ? query : {},
          );
          const type = takes === 'bytes' ? { 'content-type': 'application/octet-stream' } : {};
          const headers = { ...type, ...(oneIn(2) ? { 'if-match': '*' } : {}) };
          const hasBody = method !== 'GET' && !oneIn(10);
          const answer = await admin.request(method, path, { headers, ...(hasBody ? { body } : {}) });
          const kind = (answer.json as { readonly kind?: string } | undefined)?.kind;
          // The program does not cause an unavailable bucket or a full disk.
          if (
            answer.status >= 500 &&
            !['throttled', 'unavailable', 'timed-out', 'over-quota'].includes(kind ?? '')
          ) {
            failures.push(
              `${method} ${path} ${JSON.stringify(body)}: ${answer.bytes.toString().slice(0, 300)}`,
            );
          }
        }),
      );
    }
    expect(failures, `SFTPGW_TEST_SEED=${random.seed}`).toEqual([]);
  });
});

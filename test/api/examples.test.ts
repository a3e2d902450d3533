import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationDescription } from '../../src/api/description/operation.js';
import { operations } from '../../src/endpoints/operations.js';
import { ApiClient, pathOf } from '../support/api-client.js';
import { Gateway } from '../support/gateway.js';

type Values = Readonly<Record<string, unknown>>;

const idOf = ({ json }: { readonly json: unknown }) => String((json as Values)['id']);

function operationOf(id: string): OperationDescription {
  const found = operations.find((operation) => operation.id === id);
  if (found === undefined) throw new Error(`no operation ${id}`);
  return found;
}

describe('the example of each operation', () => {
  it.each(operations.map((operation) => [operation.id, operation] as const))(
    '%s has the form of its schema',
    (_, operation) => {
      const { parameters, query, body, answer, example, gives } = operation;
      const check = (schema: object | null, value: unknown) =>
        schema === null ||
        [...Compile(schema).Errors(value)].map(({ instancePath, message }) => `${instancePath} ${message}`);
      if (parameters !== null) expect(check(parameters, example.parameters)).toEqual([]);
      if (example.query !== undefined) expect(check(query, example.query)).toEqual([]);
      if (body !== null) expect(check(body, example.body)).toEqual([]);
      if (answer !== null) expect(check(answer, example.answer)).toEqual([]);
      expect(gives === 'bytes' || answer !== null).toBe(example.answer !== undefined || gives === 'bytes');
    },
  );
});

describe('the examples against a gateway', () => {
  let gateway: Gateway;
  let client: ApiClient;
  /** Values of the examples that differ on a real gateway. */
  const real = new Map<string, string>([['my-bucket', 'sftpgw']]);
  const etags = new Map<string, string>();

  beforeAll(async () => {
    gateway = await Gateway.start({
      s3: null,
      env: { SFTPGW_CONSOLE_URL: 'https://sftpgw.example.com' },
    });
    client = ApiClient.onSocket(join(gateway.root, 'var/lib/sftpgw/control.sock'), 'admin');
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  function replaced(value: unknown): unknown {
    const text = JSON.stringify(value ?? {});
    let changed = text;
    for (const [from, to] of real) changed = changed.replaceAll(`"${from}"`, `"${to}"`);
    return JSON.parse(changed) as unknown;
  }

  /** Sends the example, or another body, and expects the status of the operation and an answer of its schema. */
  async function works(id: string, otherBody?: Values): Promise<Values> {
    const operation = operationOf(id);
    const { method, example, takes, gives, needsIfMatch } = operation;
    const path = pathOf(operation, replaced(example.parameters) as Values, replaced(example.query) as Values);
    const body =
      takes === 'bytes' ? randomBytes(100_000) : (otherBody ?? (example.body && replaced(example.body)));
    const answer = await client.request(method, path, {
      ...(body === undefined ? {} : { body }),
      headers: {
        ...(takes === 'bytes' ? { 'content-type': 'application/octet-stream' } : {}),
        ...(needsIfMatch ? { 'if-match': etags.get(operation.group) ?? '*' } : {}),
      },
    });
    expect([id, answer.status, answer.json]).toEqual([id, operation.status, answer.json]);
    const etag = answer.headers.etag;
    if (etag !== undefined) etags.set(operation.group, etag);
    const lines = answer.bytes
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
    const values = gives === 'lines' ? lines.map((line) => JSON.parse(line) as unknown) : [answer.json];
    if (operation.answer !== null) {
      const compiled = Compile(operation.answer);
      for (const value of values) {
        expect([id, ...compiled.Errors(value)].map((error) => JSON.stringify(error))).toEqual([`"${id}"`]);
      }
    }
    return (answer.json ?? {}) as Values;
  }

  /** Begins a job and controls it. It may be done before. */
  async function controlsJob(run: (id: string) => Promise<Values>): Promise<void> {
    const job = await run('copyObjects');
    real.set('1e2b4d6f785f3a0c', String(job['id']));
    await run('getJob');
    for (const verb of ['pause', 'resume', 'cancel']) {
      const answer = await client.request('POST', `/api/jobs/${String(job['id'])}/${verb}`);
      expect([200, 409]).toContain(answer.status);
    }
  }

  it('work, in an order in which their things exist', async () => {
    const done = new Set<string>();
    const run = async (id: string) => {
      done.add(id);
      return await works(id);
    };
    const created = await run('createUser');
    real.set('3f9a41c0', String(created['keyId']));
    await run('getUser');
    await run('changeUser');
    await run('cloneUser');
    const names = ['report.pdf', ...Array.from({ length: 9 }, (_, at) => `part-${at}`)];
    for (const name of names) {
      const path = `/api/objects/content?bucket=sftpgw&key=bob/uploads/${name}`;
      const headers = { 'content-type': 'application/octet-stream' };
      expect(await client.request('PUT', path, { body: Buffer.from(name), headers })).toMatchObject({
        status: 200,
      });
    }
    const token = await run('createToken');
    real.set('5f3a0c1e2b4d6f78', String((token['token'] as Values)['id']));
    const webhook = (await run('addWebhook'))['webhook'] as Values;
    real.set('9a41c03f5f3a0c1e', String(webhook['id']));
    // At the pace of the example it would end before it is paused.
    done.add('beginRotation');
    const begun = await works('beginRotation', { username: 'bob', objectsPerSecond: 0.01, parallel: 1 });
    real.set('7c1e2b4d6f785f3a', String(begun['id']));
    for (const id of ['pauseRotation', 'resumeRotation', 'changeRotation']) await run(id);
    // The rotation retires the key before.
    real.set('3f9a41c0', String(begun['newKey']));
    const last = [
      ...['removeObject', 'copyObjects', 'getJob', 'pauseJob', 'resumeJob', 'cancelJob'],
      ...['retireKey', 'destroyKey', 'revokeToken', 'removeWebhook', 'removeUser', 'removeAdmin'],
    ];
    const needNoLogin = ['getLogin', 'getMe', 'listApprovals'];
    const needLogin = operations.filter(
      ({ id, group }) => ['login', 'me', 'approvals'].includes(group) && !needNoLogin.includes(id),
    );
    // There is no session to end and no webhook message, and no recovery identity; test/api/requests.test.ts has one.
    // No person is logged in; test/api/people.test.ts and test/api/oidc.test.ts have people.
    const needSomethingElse = [
      ...['beginDrill', 'answerDrill', 'disconnectSession', 'resendWebhookMessage'],
      ...needLogin.map(({ id }) => id),
      ...['endAdminSession', 'loginFromProvider', 'beginPasskeyLogin'],
    ];
    for (const { id } of operations) {
      if (!done.has(id) && !last.includes(id) && !needSomethingElse.includes(id)) await run(id);
    }
    await run('removeObject');
    await controlsJob(run);
    for (const id of ['pauseJob', 'resumeJob', 'cancelJob']) done.add(id);
    await run('revokeToken');
    await run('removeWebhook');
    etags.set('users', '*');
    await run('removeUser');
    real.set('3f9a41c0', await client.request('POST', '/api/keys', { body: {} }).then(idOf));
    await run('retireKey');
    await run('destroyKey');
    await run('removeAdmin');
    const left = operations.map(({ id }) => id).filter((id) => !done.has(id));
    expect(left.sort()).toEqual([...new Set(needSomethingElse)].sort());
  });
});

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allows, roles } from '../../src/api/description/roles.js';
import { operations } from '../../src/endpoints/operations.js';
import { ApiClient, pathOf } from '../support/api-client.js';
import { Gateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

let gateway: Gateway;
let socket: string;
let url: string;

beforeAll(async () => {
  gateway = await Gateway.start({ s3: null, env: { SFTPGW_CONSOLE_LISTEN: '127.0.0.1:0' } });
  socket = join(gateway.root, 'var/lib/sftpgw/control.sock');
  url = await eventually(
    'the console listens',
    () => /"address":"(http:[^"]+)".*"msg":"console is listening"/.exec(gateway.output)?.[1] ?? null,
  );
});
afterAll(() => gateway[Symbol.asyncDispose]());

const refusal = expect.stringMatching(/needs the role/);

describe('the API, for each of its operations,', () => {
  it.each(roles)(
    'lets a person with the role %s call what the role may, and answers 403 to the rest',
    async (role) => {
      const body = { label: role, role, expiresInSeconds: 3600 };
      const { json } = await ApiClient.onSocket(socket, 'admin').request('POST', '/api/tokens', { body });
      const client = ApiClient.onConsole(url, String((json as { readonly secret: string }).secret));
      const wrong: string[] = [];
      for (const operation of operations) {
        // Only the console itself calls these.
        if (!operation.path.startsWith('/api/')) continue;
        const { method, example } = operation;
        const path = pathOf(operation, example.parameters, example.query);
        const headers = operation.takes === 'bytes' ? { 'content-type': 'application/octet-stream' } : {};
        const body = operation.takes === 'bytes' ? Buffer.from('x') : example.body;
        const answer = await client.request(method, path, {
          headers,
          ...(body === undefined ? {} : { body }),
        });
        const isRefused = answer.status === 403 && /needs the role/.test(answer.bytes.toString());
        if (isRefused === allows(role, operation.needs)) wrong.push(`${operation.id}: ${answer.status}`);
      }
      expect(wrong).toEqual([]);
      expect(operations.length).toBeGreaterThan(20);
    },
  );

  it('answers 401 to a request that names no person, and to one with an unknown role', async () => {
    const nobody = new ApiClient({ socketPath: socket }, {});
    const stranger = new ApiClient(
      { socketPath: socket },
      { 'x-sftpgw-person': 'x', 'x-sftpgw-role': 'root' },
    );
    for (const operation of operations) {
      const path = pathOf(operation, operation.example.parameters);
      expect(await nobody.request(operation.method, path)).toMatchObject({ status: 401 });
      expect(await stranger.request(operation.method, path)).toMatchObject({ status: 401 });
    }
  });

  it('answers 403 to a person whose scope lacks the group', async () => {
    const headers = { 'x-sftpgw-person': 'x', 'x-sftpgw-role': 'admin', 'x-sftpgw-scope': 'users me' };
    const client = new ApiClient({ socketPath: socket }, headers);
    expect(await client.request('GET', '/api/users')).toMatchObject({ status: 200 });
    expect(await client.request('GET', '/api/me')).toMatchObject({ json: { scope: ['users', 'me'] } });
    const refused = await client.request('GET', '/api/keys');
    expect(refused).toMatchObject({ status: 403, json: { detail: expect.stringMatching(/group keys/) } });
    expect(refused.json).not.toMatchObject({ detail: refusal });
  });
});

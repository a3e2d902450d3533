import { expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { type RoleSession, sessionNameOf, stsEndpoint } from './assume-role.js';
import { RoleCredentials } from './role-credentials.js';

const minute = 60_000;

function world() {
  const state = { nowMs: 1_000_000, requests: 0, fault: null as Fault | null };
  const assume = async (): Promise<RoleSession> => {
    state.requests += 1;
    if (state.fault !== null) throw state.fault;
    const expiration = new Date(state.nowMs + 60 * minute);
    return { accessKeyId: `${state.requests}`, secretAccessKey: 's', sessionToken: 't', expiration };
  };
  return { state, credentials: new RoleCredentials({ nowMs: () => state.nowMs }, assume) };
}

it('asks once for requests in parallel, and again five minutes before the end', async () => {
  const { state, credentials } = world();
  const all = await Promise.all(Array.from({ length: 10 }, () => credentials.provide()));
  expect(new Set(all.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(['1']));
  state.nowMs += 54 * minute;
  expect((await credentials.provide()).accessKeyId).toBe('1');
  state.nowMs += 2 * minute;
  expect((await credentials.provide()).accessKeyId).toBe('2');
});

it('uses a session to its end while STS is unavailable, and asks every 15 seconds', async () => {
  const { state, credentials } = world();
  await credentials.provide();
  state.fault = new Fault('unavailable', 'no answer');
  state.nowMs += 56 * minute;
  for (let i = 0; i < 5; i += 1) expect((await credentials.provide()).accessKeyId).toBe('1');
  expect(state.requests).toBe(2);
  state.nowMs += 16_000;
  await credentials.provide();
  expect(state.requests).toBe(3);
  state.nowMs += 4 * minute;
  await expect(credentials.provide()).rejects.toMatchObject({ kind: 'unavailable' });
  state.fault = null;
  expect((await credentials.provide()).accessKeyId).toBe('5');
});

it('reports a refusal at once, and asks again when S3 refuses the session', async () => {
  const { state, credentials } = world();
  await credentials.provide();
  credentials.forget();
  expect((await credentials.provide()).accessKeyId).toBe('2');
  state.nowMs += 56 * minute;
  state.fault = new Fault('denied', 'no');
  await expect(credentials.provide()).rejects.toMatchObject({ kind: 'denied' });
});

it.each([
  ['bob', 'sftpgw-bob'],
  ['bob@example.org', 'sftpgw-bob@example.org'],
  ['CORP\\bob', 'sftpgw-CORP-bob'],
  ['x'.repeat(80), `sftpgw-${'x'.repeat(57)}`],
])('the session of %j is %j', (username, name) => {
  expect(sessionNameOf(username)).toBe(name);
});

it('finds STS in the region of the bucket', () => {
  expect(stsEndpoint('eu-west-1')).toBe('https://sts.eu-west-1.amazonaws.com');
  expect(stsEndpoint('cn-north-1')).toBe('https://sts.cn-north-1.amazonaws.com.cn');
});

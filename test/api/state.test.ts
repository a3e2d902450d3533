import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { runOk } from '../support/command.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { passwordLogin } from '../support/ssh-logins.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

type Json = Readonly<Record<string, unknown>>;
interface Items<T = Json> {
  readonly items: readonly T[];
}

const noAge = missing('age', 'age-keygen');

describe('the API of a gateway with users and files', () => {
  let gateway: Gateway;
  let admin: ApiClient;
  let bob: TestUser;
  let alice: TestUser;

  beforeAll(async () => {
    gateway = await Gateway.start({ s3: null });
    admin = ApiClient.onSocket(join(gateway.root, 'var/lib/sftpgw/control.sock'), 'admin', 'Ada');
    bob = await gateway.addUser('bob');
    alice = await gateway.addUser('alice');
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  const get = async <T = Json>(path: string) => (await admin.request('GET', path)).json as T;
  const post = async <T = Json>(path: string, body?: unknown) =>
    (await admin.request('POST', path, body === undefined ? {} : { body })).json as T;
  const jobEnd = (id: unknown) =>
    eventually('the job ends', async () => {
      const job = await get<{ readonly state: string; readonly result: Json }>(`/api/jobs/${String(id)}`);
      return ['done', 'failed'].includes(job.state) && job;
    });

  it('has a checklist whose steps become done as they are done', async () => {
    const states = async () => {
      const { items } = await get<Items<{ readonly code: string; readonly state: string }>>('/api/checklist');
      return Object.fromEntries(items.map(({ code, state }) => [code, state]));
    };
    expect(await states()).toEqual({
      ...{ bucket: 'done', 'sse-c': 'done', recovery: 'open', 'bucket-copy': 'open' },
      ...{ user: 'done', upload: 'open', download: 'open' },
    });
    const file = join(gateway.work, 'report');
    writeFileSync(file, randomBytes(100_000));
    await bob.sftpOk(`put ${file} /uploads/report\nget /uploads/report ${file}.back`);
    await eventually('both are counted', async () => (await states())['download'] === 'done');
    expect(await states()).toMatchObject({ upload: 'done' });
  });

  it('has an overview and a chart that agree with what users did', async () => {
    expect(await passwordLogin(gateway.sftpPort, { username: 'bob', password: 'wrong' })).toBe('refused');
    const overview = await eventually('the refusal is counted', async () => {
      const found = await get<{ readonly last24Hours: Readonly<Record<string, number>> }>('/api/overview');
      return (found.last24Hours['refusedLogins'] ?? 0) > 0 && found;
    });
    expect(overview).toMatchObject({
      bucket: 'sftpgw',
      health: { isReady: true },
      sessions: 0,
      users: { all: 2, disabled: 0, expired: 0 },
      last24Hours: { uploads: 1, downloads: 1, bytesReceived: 100_000, bytesSent: 100_000, failed: 0 },
    });
    for (const [hours, stepSeconds, count] of [
      [24, 300, 288],
      [720, 3600, 720],
    ] as const) {
      const chart = await get<{ readonly stepSeconds: number } & Items<Readonly<Record<string, number>>>>(
        `/api/activity?hours=${hours}`,
      );
      expect(chart.stepSeconds).toBe(stepSeconds);
      expect(chart.items).toHaveLength(count);
      expect(chart.items.reduce((sum, { uploads = 0 }) => sum + uploads, 0)).toBe(1);
    }
  });

  it('finds objects with the key of another user, and moves them to a user under that user’s key', async () => {
    const keyOf = async (name: string) => (await get<{ readonly keyId: string }>(`/api/users/${name}`)).keyId;
    const [bobsKey, alicesKey] = [await keyOf('bob'), await keyOf('alice')];
    const query = new URLSearchParams({
      ...{ bucket: 'sftpgw', key: 'alice/uploads/foreign' },
      ...{ encryption: 'sse-c', encryptionKey: bobsKey },
    });
    const stored = await admin.request('PUT', `/api/objects/content?${query}`, {
      body: Buffer.from('foreign'),
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(stored.status).toBe(200);
    const list = (filter: string) =>
      get<Items>(`/api/objects?bucket=sftpgw&recursive=true&${filter}`).then(({ items }) => items);
    expect(await list('foreignKey=true')).toMatchObject([{ key: 'alice/uploads/foreign' }]);
    expect(await list(`keyId=${bobsKey}`)).toHaveLength(2);
    expect(await list('encryptedWith=sse-s3')).toEqual([]);
    expect(await list('prefix=bob/')).toMatchObject([{ key: 'bob/uploads/report', writtenBy: 'bob' }]);
    const from = { bucket: 'sftpgw', key: 'bob/uploads/report' };
    const to = { bucket: 'sftpgw', key: 'alice/uploads/report' };
    expect(await post('/api/objects/copy', { from, to, move: true })).toMatchObject({ outcome: 'copied' });
    expect(await list('prefix=alice/uploads/report')).toMatchObject([{ encryption: { keyId: alicesKey } }]);
    expect(await alice.sftpOk('ls /uploads')).toContain('report');
  });

  it('proves that a key is needed, and destroys nothing by that', async () => {
    const { id } = await post('/api/keys', { label: 'unused' });
    const { id: job } = await post(`/api/keys/${String(id)}/prove`);
    expect((await jobEnd(job)).result).toEqual({ unused: true, needs: [] });
    const { keyId } = await get('/api/users/alice');
    const needed = await jobEnd((await post(`/api/keys/${String(keyId)}/prove`))['id']);
    expect(needed.result).toMatchObject({ unused: false, needs: [{ key: 'alice/uploads/report' }] });
    expect(await get(`/api/keys/${String(id)}`)).toMatchObject({ state: 'active' });
    // The proof does not bar the key.
    expect(await post(`/api/keys/${String(id)}/use`, { user: 'alice' })).toMatchObject({ key: { id } });
  });

  it('pauses a rotation until it is resumed, and changes its pace while it runs', async () => {
    const file = join(gateway.work, 'small');
    writeFileSync(file, 'x');
    const puts = Array.from({ length: 12 }, (_, at) => `put ${file} /uploads/small-${at}`);
    await bob.sftpOk(puts.join('\n'));
    const { id } = await post('/api/rotations', { username: 'bob', objectsPerSecond: 0.01, parallel: 1 });
    const path = `/api/rotations/${String(id)}`;
    expect(await post(`${path}/pause`)).toMatchObject({ pausedBy: 'Ada', state: 'running' });
    expect(await gateway.cli(['key', 'rotate', '--status'])).toMatchObject({
      stdout: expect.stringContaining('paused by Ada'),
    });
    expect(await get('/api/overview')).toMatchObject({ rotations: { running: 0, paused: 1 } });
    expect(await post(`${path}/resume`)).toMatchObject({ pausedBy: null });
    const changed = await admin.request('PATCH', path, { body: { objectsPerSecond: null } });
    expect(changed).toMatchObject({ status: 200, json: { remaining: { objects: expect.any(Number) } } });
    await eventually('the rotation ends at the new pace', async () => {
      const { rotation } = await get<{ readonly rotation: { readonly state: string } }>(path);
      return rotation.state === 'done';
    });
    expect(await admin.request('POST', `${path}/pause`)).toMatchObject({ status: 409 });
    const events = () => get<Items>('/api/audit?action=rotation.pause');
    await eventually('the pause is in the trail', async () => (await events()).items.length > 0);
    expect((await events()).items).toMatchObject([{ actor: { name: 'Ada' }, target: 'bob' }]);
  });

  it('plans a pass of the mirror without running it', async () => {
    await admin.request('PATCH', '/api/users/alice', {
      body: { downloads: true },
      headers: { 'if-match': '*' },
    });
    const plan = () => admin.request('POST', '/api/mirrors/plan', { body: { name: 'downloads/alice' } });
    await eventually('the prefix is mirrored', async () => (await plan()).status === 200);
    expect(await plan()).toMatchObject({ json: { name: 'downloads/alice', bytes: 0 } });
    expect(
      await admin.request('POST', '/api/mirrors/plan', { body: { name: 'downloads/nobody' } }),
    ).toMatchObject({ status: 404 });
  });

  it('shows the buckets with the policy that setup would apply', async () => {
    const { items } = await get<Items>('/api/storage/buckets?gatewayPrincipal=arn:aws:iam::1:role/gw');
    expect(items).toMatchObject([
      {
        ...{ bucket: 'sftpgw', sseC: 'allowed', versioning: expect.stringMatching(/^(?:never|enabled)$/) },
        policy: expect.objectContaining({ readable: expect.any(Boolean) }),
        command: 'sftpgw setup --apply --gateway-principal arn:aws:iam::1:role/gw',
      },
    ]);
    expect(await get('/api/ledger')).toMatchObject({ openWrites: 0, objects: expect.any(Number) });
  });

  it('applies lists of addresses to the next connection, and checks settings without saving them', async () => {
    const current = await admin.request('GET', '/api/settings');
    const headers = { 'if-match': current.headers.etag ?? '' };
    const patch = (body: unknown) => admin.request('PATCH', '/api/settings', { body, headers });
    const values = { 'sftp.deny.from': '127.0.0.0/8' };
    expect(await patch({ values, dryRun: true })).toMatchObject({
      status: 200,
      json: {
        items: expect.arrayContaining([
          expect.objectContaining({ name: 'sftp.deny.from', value: '127.0.0.0/8', takesEffect: 'at once' }),
        ]),
      },
    });
    expect(await patch({ values: { 'sftp.deny.from': 'nonsense' }, dryRun: true })).toMatchObject({
      status: 400,
    });
    expect((await get<{ readonly denyFrom: string | null }>('/api/security')).denyFrom).toBeNull();
    expect(await patch({ values })).toMatchObject({ status: 200 });
    const outcome = () => passwordLogin(gateway.sftpPort, { username: 'bob', password: 'x' });
    await eventually('the address is refused', async () => (await outcome()) !== 'refused');
    expect(await get('/api/security')).toMatchObject({ denyFrom: '127.0.0.0/8', isPostQuantum: true });
    await admin.request('PATCH', '/api/settings', {
      body: { values: { 'sftp.deny.from': null } },
      headers: { 'if-match': '*' },
    });
    await eventually('the address is allowed', async () => (await outcome()) === 'refused');
  });

  it('exports the trail, and finds events by the request and things by one text', async () => {
    const { items } = await get<Items<{ readonly request: string }>>('/api/audit?action=object.put');
    const { request } = items[0] ?? { request: '' };
    const { items: ofRequest } = await get<Items>(`/api/audit?request=${request}`);
    expect(ofRequest.map(({ action }) => action)).toEqual(['object.put']);
    const exported = await admin.request('GET', '/api/audit/export?user=bob');
    const lines = exported.bytes.toString().trim().split('\n');
    expect(lines.length).toBeGreaterThan(12);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ actor: { name: 'bob' } });
    const kindsOf = async (text: string) =>
      (await get<Items<{ readonly kind: string }>>(`/api/search?q=${encodeURIComponent(text)}`)).items.map(
        ({ kind }) => kind,
      );
    expect(await kindsOf('bo')).toContain('user');
    expect(await kindsOf('unused')).toEqual(['key']);
    expect(await kindsOf('192.0.2.9')).toEqual(['address']);
    expect(await kindsOf('/uploads/small-1')).toContain('path');
    expect(await kindsOf(request)).toEqual(['request']);
  });

  it('verifies the trail in one job, which names a row that was changed by hand', async () => {
    const begin = (heads: boolean) => post('/api/audit/verify', { heads });
    const [one, other] = await Promise.all([begin(true), begin(true)]);
    const { state, result } = await jobEnd(one['id']);
    expect([state, result]).toEqual(['done', expect.objectContaining({ problem: null })]);
    expect(Number(result['rows'])).toBeGreaterThan(20);
    expect(['done', 'failed']).toContain((await jobEnd(other['id'])).state);
    const database = new Database(join(gateway.root, 'var/lib/sftpgw/sftpgw.db'));
    try {
      database.prepare(`UPDATE audit_event SET target = 'another' WHERE seq = 7`).run();
      const changed = await jobEnd((await begin(false))['id']);
      expect(changed.result).toMatchObject({ problem: { kind: 'changed', seq: 7 }, heads: null });
    } finally {
      database.close();
    }
  });

  it.skipIf(noAge !== null)(
    `records a drill whose words the age program has opened, and who holds the shares${noAge === null ? '' : ` (${noAge})`}`,
    async () => {
      const identity = join(gateway.work, 'identity');
      await runOk('age-keygen', ['-o', identity]);
      const recipient = (await runOk('age-keygen', ['-y', identity])).stdout.trim();
      expect(await gateway.cli(['recovery', 'init', '--recipient', recipient])).toMatchObject({ code: 0 });
      const { id, sealed } = await post<{ readonly id: string; readonly sealed: string }>(
        '/api/recovery/drills',
        {},
      );
      const file = join(gateway.work, 'sealed.age');
      writeFileSync(file, sealed);
      const words = (await runOk('age', ['-d', '-i', identity, file])).stdout.trim();
      expect(await post(`/api/recovery/drills/${id}`, { words })).toMatchObject({ recipient });
      const body = { set: '9b2cf535', threshold: 2, holders: ['Ada', 'Bo', 'Cy'] };
      const register = (wrong: Json = {}) =>
        admin.request('PUT', '/api/recovery/shares', { body: { ...body, ...wrong } });
      expect(await register({ threshold: 4 })).toMatchObject({ status: 400 });
      expect(await register({ holders: ['sftpgw-share1abc', 'Bo'] })).toMatchObject({ status: 400 });
      expect(await register()).toMatchObject({ status: 200 });
      expect(await post('/api/recovery/shares/9b2cf535/2/confirm')).toMatchObject({ confirmedBy: 'Ada' });
      expect(await admin.request('POST', '/api/recovery/shares/9b2cf535/4/confirm')).toMatchObject({
        status: 404,
      });
      expect(await register({ holders: ['Ada', 'Bo', 'Di'] })).toMatchObject({ status: 200 });
      expect(await get('/api/recovery')).toMatchObject({
        drills: [{ recipient, person: 'Ada' }],
        shares: [
          { number: 1, of: 3, holder: 'Ada', confirmed: null },
          { number: 2, holder: 'Bo', confirmed: expect.any(String), confirmedBy: 'Ada' },
          { number: 3, holder: 'Di', confirmed: null },
        ],
      });
      const drills = () => get<Items>('/api/audit?action=recovery.drill');
      await eventually('the drill is in the trail', async () => (await drills()).items.length > 0);
      expect((await drills()).items).toMatchObject([{ target: recipient, actor: { name: 'Ada' } }]);
    },
  );
});

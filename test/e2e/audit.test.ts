import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { firstHash, rowFor, type SpooledEvent } from '../../src/database/audit/chain.js';
import type { SessionStatus } from '../../src/model/live.js';
import type { Gateway } from '../support/gateway.js';
import { gatewayTargets } from '../support/gateway-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const programs = missing('sftp', 'ssh-keygen');

/** An event as `sftpgw audit --json` prints it. */
interface PrintedEvent {
  readonly seq: number;
  readonly action: string;
  readonly actorKind: string;
  readonly actor: string;
  readonly target: string | null;
  readonly objectKey: string | null;
  readonly keyId: string | null;
  readonly result: string;
  readonly details: Readonly<Record<string, unknown>>;
}

async function audit(gateway: Gateway, ...flags: readonly string[]): Promise<readonly PrintedEvent[]> {
  const { code, stdout, stderr } = await gateway.cli(['audit', '--json', ...flags]);
  expect(`${code} ${stderr}`).toBe('0 ');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as PrintedEvent);
}

function openLedger(gateway: Gateway): Database.Database {
  return new Database(join(gateway.root, 'var/lib/sftpgw/sftpgw.db'));
}

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(
    `the audit trail in front of ${target.name}${skip ? ` (${skip})` : ''}`,
    () => {
      it('has what users and administrators do, also in a file, and finds it by user, path, key and result', async () => {
        await using gateway = await target.start();
        const file = join(gateway.work, 'audit.jsonl');
        await gateway.end('SIGTERM');
        const settings = join(gateway.root, 'opt/sftpgw/sftpgateway.properties');
        const before = await readText(settings);
        gateway.writeProperties({ ...propertiesOf(before), 'audit.file': file });
        await gateway.serve();
        const user = await gateway.addUser('bob');
        await user.sftpOk(
          'put /etc/hostname /uploads/a\nget /uploads/a /dev/null\nrename /uploads/a /uploads/b',
        );
        expect((await user.sftp('mkdir /shared')).code).not.toBe(0);
        await gateway.cli(['user', 'add', 'bob', '--downloads']);
        await gateway.cli(['ban', 'add', '192.0.2.9']);

        const own = await audit(gateway, '--user', 'bob');
        const actions = own.map(({ action, result }) => `${action} ${result}`);
        expect(actions).toContain('session.login ok');
        expect(actions).toContain('file.read ok');
        expect(actions).toContain('directory.make denied');
        const [write] = await audit(gateway, '--path', '/uploads/', '--action', 'file.write');
        expect(write).toMatchObject({ target: '/uploads/a', objectKey: 'bob/uploads/a', result: 'ok' });
        expect(String(write?.details['checksum'])).toMatch(/^CRC-32/);
        const ofKey = await audit(gateway, '--key', write?.keyId ?? '');
        expect(ofKey.map(({ action }) => action)).toContain('file.rename');
        expect(await audit(gateway, '--path', '/uploads/*b')).toEqual([]);
        expect(await audit(gateway, '--until', '1d')).toEqual([]);
        const [added] = await audit(gateway, '--action', 'user.add');
        expect(added).toMatchObject({ actorKind: 'admin', target: 'bob' });
        expect(await audit(gateway, '--action', 'ban.add')).toMatchObject([{ target: '192.0.2.9' }]);

        const all = await audit(gateway, '--limit', 'all');
        const newest = all[0]?.seq ?? 0;
        await eventually('the file has the newest event', () => {
          const last = readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '{}';
          return (JSON.parse(last) as PrintedEvent).seq >= newest;
        });
        const verified = await gateway.cli(['audit', 'verify']);
        expect(`${verified.code} ${verified.stdout}`).toMatch(/^0 the audit trail is intact/);
      });

      it('lists a session with its transfer, and disconnects it', async () => {
        await using gateway = await target.start();
        const user = await gateway.addUser('bob');
        const source = join(gateway.work, 'large');
        writeFileSync(source, Buffer.alloc(30_000_000));
        const uploading = user.sftp(`put ${source} /uploads/large`, { timeoutMs: 120_000 }, ['-l', '8000']);
        const sessions = async () =>
          JSON.parse((await gateway.cli(['sessions', '--json'])).stdout) as readonly SessionStatus[];
        const session = await eventually('the transfer', async () => {
          const [only] = await sessions();
          return (only?.transfers[0]?.bytes ?? 0) > 0 ? only : null;
        });
        expect(session).toMatchObject({ username: 'bob', methods: 'publickey' });
        expect(session?.connection?.software).toMatch(/^OpenSSH/);
        expect(session?.transfers[0]).toMatchObject({ path: '/uploads/large', direction: 'upload' });
        expect(session?.transfers[0]?.keyId).toMatch(/^[0-9a-f]{32}$/);
        const unknown = await gateway.cli(['sessions', 'disconnect', 'unknown']);
        expect(unknown.code).toBe(3);
        const ended = await gateway.cli(['sessions', 'disconnect', session?.id ?? '']);
        expect(`${ended.code} ${ended.stderr}`).toBe('0 ');
        expect((await uploading).code).not.toBe(0);
        await eventually('no session', async () => (await sessions()).length === 0);
        expect(await audit(gateway, '--action', 'session.disconnect')).toMatchObject([{ target: 'bob' }]);
        const [write] = await audit(gateway, '--action', 'file.write');
        expect(write).toMatchObject({ target: '/uploads/large', result: 'interrupted' });
      });

      it('shows by its heads in the bucket that the database was rewritten', async () => {
        await using gateway = await target.start();
        const user = await gateway.addUser('bob');
        await user.sftpOk('put /etc/hostname /uploads/a');
        // The head is stored at a start, once the trail has rows.
        await gateway.end('SIGTERM');
        await gateway.serve();
        const verify = async () =>
          JSON.parse((await gateway.cli(['audit', 'verify', '--bucket', '--json'])).stdout);
        await eventually('the head is in the bucket', async () => (await verify()).heads === 1);
        expect(await verify()).toMatchObject({ heads: 1, problem: null });
        const database = openLedger(gateway);
        rewrite(database, 2);
        database.close();
        expect(JSON.parse((await gateway.cli(['audit', 'verify', '--json'])).stdout).problem).toBeNull();
        expect((await verify()).problem).toMatchObject({ kind: 'rewritten' });
      });
    },
  );
}

/** Changes the row `seq` and computes the whole chain again, as a person who can write the database may. */
function rewrite(database: Database.Database, seq: number): void {
  const columns =
    'time_ms, node, actor_kind, actor, address, session, request, action, target, bucket, object_key, result, key_id, details';
  const rows = database
    .prepare<[], Record<string, unknown>>(`select ${columns} from audit_event order by seq`)
    .all();
  const update = database.prepare(
    'update audit_event set actor = ?, previous_hash = ?, hash = ? where seq = ?',
  );
  let previous = firstHash;
  for (const [index, row] of rows.entries()) {
    const number = index + 1;
    if (number === seq) row['actor'] = 'mallory';
    const made = rowFor(number, previous, Object.values(row) as unknown as SpooledEvent);
    update.run(made.actor, made.previous_hash, made.hash, number);
    previous = made.hash;
  }
  database.prepare('update audit_chain set last_hash = ?').run(previous);
}

async function readText(path: string): Promise<string> {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function propertiesOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.includes('=') && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

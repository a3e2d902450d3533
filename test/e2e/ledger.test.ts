import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rootPaths } from '../../src/config/paths.js';
import { CustomerKey } from '../../src/model/customer-key.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { type BucketAccess, gatewayTargets } from '../support/gateway-targets.js';
import { missing } from '../support/tools.js';

const programs = missing('sftp', 'ssh-keygen', 'aws');

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  const title = `a gateway without its database, with ${target.name}${skip ? ` (${skip})` : ''}`;
  describe.skipIf(skip !== null)(title, () => {
    it.each([
      ['from the tags of the objects', 'yes'],
      ['by trying the keys of objects without tags', 'no'],
    ])('rebuilds its ledger %s, and every object can be read', async (_how, tags) => {
      await using gateway = await target.start({ properties: { 'ledger.tags': tags } });
      const s3 = await target.access(gateway);
      await drill(gateway, s3, tags === 'yes');
    });
  });
}

const uploads = {
  alice: { 'first.txt': 'under the first key', 'both.txt': 'before' },
  bob: { 'ä b+c.bin': 'x'.repeat(300_000), empty: '' },
};
const later = { 'second.txt': 'under the second key', 'both.txt': 'after the change of the key' };

async function drill(gateway: Gateway, s3: BucketAccess, hasTags: boolean): Promise<void> {
  await s3.s3api('put-bucket-versioning', '--versioning-configuration', 'Status=Enabled');
  const users = { alice: await gateway.addUser('alice'), bob: await gateway.addUser('bob') };
  await put(users.alice, uploads.alice);
  await put(users.bob, uploads.bob);
  await json(gateway, ['user', 'add', 'alice', '--sse', '3', '--generate-sse-key'], 0);
  await put(users.alice, later);

  await gateway.end('SIGTERM');
  const { databaseFile } = rootPaths(gateway.root);
  for (const end of ['', '-wal', '-shm']) rmSync(databaseFile + end, { force: true });
  await gateway.serve();
  expect(gateway.output).toMatch(/the ledger is empty, but there are objects below .*sftpgw ledger rebuild/);

  if (hasTags) {
    const lost = await json(gateway, ['ledger', 'verify', '--json'], 8);
    expect(lost).toMatchObject({ versions: 6, findings: 6 });
  }
  const rebuilt = await json(gateway, ['ledger', 'rebuild', '--json'], 0);
  const restored = hasTags
    ? { restoredByTag: 6, restoredByTrial: 0 }
    : { restoredByTag: 0, restoredByTrial: 6 };
  expect(rebuilt).toMatchObject({ versions: 6, known: 0, unopened: 0, gone: 0, ...restored });
  await expectContent(users.alice, { ...uploads.alice, ...later });
  await expectContent(users.bob, uploads.bob);
  if (!hasTags) return;
  const verified = await json(gateway, ['ledger', 'verify', '--read', '--json'], 0);
  expect(verified).toMatchObject({ versions: 6, opened: 6, findings: 0 });
  await ask(gateway, s3.bucket, users.alice);
}

/**
 * Checks what needs the first key of alice: her first file, and the older version of the file that she wrote
 * twice.
 */
async function ask(gateway: Gateway, bucket: string, alice: TestUser): Promise<void> {
  const first = CustomerKey.fromBytes(alice.key).fingerprint;
  const both = `s3://${bucket}/alice/uploads/both.txt`;
  const found = await json(gateway, ['ledger', 'find', both, '--json'], 0);
  expect(found).toMatchObject([{ is: 'current' }, { is: 'older version', keyId: first }]);
  const needs = await json(gateway, ['ledger', 'find', '--key', first.slice(0, 8), '--json'], 0);
  expect(needs).toMatchObject([
    { key: 'alice/uploads/both.txt', state: 'older-version' },
    { key: 'alice/uploads/first.txt', state: 'current' },
  ]);
  const table = await gateway.cli(['ledger', 'find', `s3://${bucket}/alice/uploads/first.txt`]);
  expect(table.stdout).toMatch(new RegExp(`current +sse-c +${first}`));
}

async function json(gateway: Gateway, args: readonly string[], code: number): Promise<unknown> {
  const finished = await gateway.cli(args);
  expect(finished.code, finished.stderr + finished.stdout).toBe(code);
  return args.includes('--json') ? JSON.parse(finished.stdout) : null;
}

function localName(user: TestUser, name: string): string {
  return join(user.gateway.work, `${user.name}-${name}`);
}

async function put(user: TestUser, files: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(files).map(([name, content]) => {
    writeFileSync(localName(user, name), content);
    return `put "${localName(user, name)}" "/uploads/${name}"`;
  });
  await user.sftpOk(lines.join('\n'));
}

async function expectContent(user: TestUser, files: Readonly<Record<string, string>>): Promise<void> {
  const names = Object.keys(files);
  await user.sftpOk(
    names.map((name) => `get "/uploads/${name}" "${localName(user, `${name}.back`)}"`).join('\n'),
  );
  for (const name of names) {
    expect(readFileSync(localName(user, `${name}.back`), 'utf8')).toBe(files[name]);
  }
}

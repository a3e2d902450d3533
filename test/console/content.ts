import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSshKeyPair } from '../../src/sftp/ssh-key-pair.js';
import { ApiClient } from '../support/api-client.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

/** How much a gateway has. */
export interface Amounts {
  readonly users: number;
  readonly objects: number;
}

/** A gateway with users, objects, sessions, a ban, refusals and findings. */
export interface Content extends Disposable {
  readonly admin: ApiClient;
  readonly bucket: string;
  /** A user with files, whose session and upload stay open. */
  readonly bob: TestUser;
  /** The names of all users. */
  readonly names: readonly string[];
}

const companies = [
  'acme',
  'borealis',
  'cobalt',
  'dunlin',
  'elbe',
  'fjord',
  'gable',
  'harbour',
  'ionic',
  'juniper',
];
const departments = ['invoices', 'orders', 'payroll', 'claims', 'archive', 'reports'];

/** Returns the first names of partners: `acme-invoices`, `borealis-invoices`, ... */
function namesOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => {
    const round = Math.floor(at / companies.length);
    const suffix = round < departments.length ? '' : `-${round}`;
    return `${companies[at % companies.length]}-${departments[round % departments.length]}${suffix}`;
  });
}

/** Fills a gateway through its API and over SFTP. The caller disposes the content, which ends its sessions. */
export async function fill(gateway: Gateway, bucket: string, amounts: Amounts): Promise<Content> {
  const admin = ApiClient.onSocket(join(gateway.root, 'var/lib/sftpgw/control.sock'), 'admin');
  const names = namesOf(amounts.users);
  const bob = await gateway.addUser('bob');
  for (const [at, username] of names.entries()) await addUser(admin, username, at);
  await expectOk(admin.request('POST', `/api/users/${names[1]}/disable`));
  await bob.sftpOk('put /etc/hostname /uploads/hostname\nget /uploads/hostname /dev/null');
  await upload(admin, bucket, names, amounts.objects);
  await refuseLogin(gateway, names[0] ?? 'bob');
  await expectOk(admin.request('PUT', '/api/bans', { body: { address: '192.0.2.7', seconds: 3600 } }));
  await checkSetup(admin);
  const transfer = slowUpload(gateway, bob);
  await eventually('the slow upload is visible', async () => {
    const { json } = await admin.request('GET', '/api/sessions');
    const { items } = json as { readonly items: readonly { readonly transfers: readonly unknown[] }[] };
    return items.some(({ transfers }) => transfers.length > 0);
  });
  return {
    admin,
    bucket,
    bob,
    names: [...names, 'bob'],
    [Symbol.dispose]: () => void transfer.kill('SIGKILL'),
  };
}

/** Keys that encrypt the objects. */
const keys = 7;

/** Whether the user at this position has a customer key. */
function hasKey(at: number): boolean {
  return at % 4 !== 3;
}

async function addUser(admin: ApiClient, username: string, at: number): Promise<void> {
  const isSseC = hasKey(at);
  const body = {
    username,
    publicKeys: [createSshKeyPair(`${username}@laptop`).publicKey],
    downloads: at % 3 === 0,
    ...(isSseC ? { encryption: 'sse-c', generateKey: true } : { encryption: 'sse-s3' }),
    ...(at % 5 === 0 ? { password: randomBytes(9).toString('base64') } : {}),
    ...(at % 7 === 2 ? { expires: new Date(Date.now() - 3_600_000).toISOString() } : {}),
  };
  await expectOk(admin.request('POST', '/api/users', { body }));
}

/** Objects of a few users. Requests run in groups, because each waits for the ledger. */
async function upload(
  admin: ApiClient,
  bucket: string,
  names: readonly string[],
  count: number,
): Promise<void> {
  const owners = ['bob', ...names.filter((_, at) => hasKey(at)).slice(0, keys - 1)];
  const group = 16;
  for (let from = 0; from < count; from += group) {
    const numbers = Array.from({ length: Math.min(group, count - from) }, (_, at) => from + at);
    await Promise.all(
      numbers.map((number) => {
        const key = `${owners[number % owners.length]}/uploads/2026/report-${String(number).padStart(4, '0')}.csv`;
        const query = new URLSearchParams({ bucket, key });
        return expectOk(
          admin.request('PUT', `/api/objects/content?${query}`, {
            headers: { 'content-type': 'application/octet-stream' },
            body: Buffer.alloc(200 + 37 * (number % 500), 'x'),
          }),
        );
      }),
    );
  }
}

/** A login with a key that the user does not have. */
export async function refuseLogin(gateway: Gateway, name: string): Promise<void> {
  const identity = join(gateway.work, 'stranger.id');
  writeFileSync(identity, createSshKeyPair('stranger').privateKey, { mode: 0o600 });
  const child = spawn(
    'sftp',
    [...sshOptions(identity), '-P', String(gateway.sftpPort), `${name}@127.0.0.1`],
    {
      stdio: 'ignore',
    },
  );
  await new Promise((resolve) => child.once('close', resolve));
}

function sshOptions(identity: string): readonly string[] {
  const options = [
    'IdentitiesOnly=yes',
    'BatchMode=yes',
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
  ];
  return ['-q', '-i', identity, ...options.flatMap((option) => ['-o', option])];
}

/** An upload at 8 KiB/s, which outlasts every test. */
function slowUpload(gateway: Gateway, bob: TestUser): ChildProcess {
  const path = join(gateway.work, 'backup.tar');
  writeFileSync(path, Buffer.alloc(32 * 1024 * 1024));
  const child = spawn(
    'sftp',
    [...sshOptions(bob.identity), '-l', '64', '-P', String(gateway.sftpPort), '-b', '-', 'bob@127.0.0.1'],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  );
  child.stdin?.end(`put ${path} /uploads/backup.tar\n`);
  return child;
}

/** The check reads samples of the objects. */
const setupLimitMs = 300_000;

async function checkSetup(admin: ApiClient): Promise<void> {
  const begun = (await expectOk(admin.request('POST', '/api/doctor/run'))) as { readonly id: string };
  await eventually(
    'the check of the setup ends',
    async () => {
      const job = (await expectOk(admin.request('GET', `/api/jobs/${begun.id}`))) as {
        readonly finished: string | null;
      };
      return job.finished !== null;
    },
    setupLimitMs,
  );
}

/** Returns the answer's JSON. Throws for a status that is not a success. */
export async function expectOk(asked: ReturnType<ApiClient['request']>): Promise<unknown> {
  const { status, json, bytes } = await asked;
  if (status >= 300) throw new Error(`the API answered ${status}: ${bytes.toString('utf8')}`);
  return json;
}

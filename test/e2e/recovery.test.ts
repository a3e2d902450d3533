import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runProgram } from '../../src/cli/command.js';
import { sftpgwProgram } from '../../src/cli/program.js';
import { fakeShell } from '../../src/cli/terminal/testing/fake-shell.js';
import { run } from '../support/command.js';
import { Gateway, mainScript } from '../support/gateway.js';
import { s3Targets } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';

const [s3] = await s3Targets();
if (s3 === undefined) throw new Error('there is no embedded S3');

let bucket: string;
/** A root without a running gateway, so that the commands do everything themselves. */
let gateway: Gateway;
const outputs: string[] = [];

beforeAll(async () => {
  await s3.start();
  vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey);
  // Collects the log of commands.
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    outputs.push(String(text));
    return true;
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await s3.close();
});
beforeEach(async () => {
  await gateway?.[Symbol.asyncDispose]();
  bucket = await s3.makeBucket();
  const { endpoint, caFile, region, credentials } = s3;
  gateway = await Gateway.prepare({ s3: { endpoint, caFile, region, bucket, ...credentials } });
});
afterAll(() => gateway?.[Symbol.asyncDispose]());

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command in this process, because starting Node.js each time would be slow. `root` may be another
 * root.
 */
async function cli(args: readonly string[], input = '', root = gateway.root): Promise<Ran> {
  const shell = fakeShell({ input, workingDirectory: gateway.work });
  const code = await runProgram(sftpgwProgram, [...args, '--root', root], shell);
  const ran = { code, stdout: shell.outLines.join('\n'), stderr: shell.errLines.join('\n') };
  outputs.push(ran.stdout, ran.stderr);
  return ran;
}
const at = (name: string) => join(gateway.work, name);
const reach = () => ['--bucket', bucket, '--endpoint', s3.endpoint, '--region', s3.region];
const secretIn = (text: string) => /AGE-SECRET-KEY-1[0-9A-Z]{58}/.exec(text)?.[0] ?? '';
const modeOf = (path: string) => statSync(path).mode & 0o777;

async function initFromFile(): Promise<string> {
  expect(await cli(['recovery', 'init', '--identity-out', at('recovery.txt')])).toMatchObject({ code: 0 });
  expect(await cli(['recovery', 'init', '--confirm-file', at('recovery.txt')])).toMatchObject({ code: 0 });
  return secretIn(readFileSync(at('recovery.txt'), 'utf8'));
}

async function addUser(): Promise<Buffer> {
  const key = randomBytes(32);
  writeFileSync(at('key.b64'), key.toString('base64'));
  writeFileSync(at('password'), 'a password of bob');
  const flags = ['--sse', '3', '--sse-key-file', at('key.b64'), '--password-file', at('password')];
  const added = await cli(['user', 'add', 'bob', ...flags]);
  expect(added.code, added.stderr).toBe(0);
  return key;
}

describe('sftpgw recovery', () => {
  it('init writes the identity only into a new file, and uses it once it is confirmed', async () => {
    const out = ['recovery', 'init', '--identity-out', at('recovery.txt')];
    expect(await cli(out)).toMatchObject({ code: 0 });
    expect(modeOf(at('recovery.txt'))).toBe(0o600);
    const text = readFileSync(at('recovery.txt'), 'utf8');
    expect(text).toMatch(/^# .*\n# public key: age1[0-9a-z]{58}\nAGE-SECRET-KEY-1[0-9A-Z]{58}\n$/);
    expect(await cli(out)).toMatchObject({ code: 4, stderr: expect.stringContaining('already exists') });
    expect(readFileSync(at('recovery.txt'), 'utf8')).toBe(text);
    expect(JSON.parse((await cli(['recovery', 'status', '--json'])).stdout)).toMatchObject({
      recipients: [],
    });

    await addUser();
    const used = await cli(['recovery', 'init', '--confirm-file', '-'], text);
    expect(used).toMatchObject({ code: 0, stdout: expect.stringContaining('1 of 1 keys are sealed') });
    expect(used.stdout).toContain('snapshot 1, made now');
    const status = await cli(['recovery', 'status']);
    expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining('up to date') });
  });

  it('status exits with 12 and names what is missing', async () => {
    expect(await cli(['recovery', 'status'])).toMatchObject({
      code: 12,
      stdout: expect.stringContaining('none: run `sftpgw recovery init`'),
    });
    await initFromFile();
    expect(await cli(['recovery', 'status'])).toMatchObject({ code: 0 });
    await addUser();
    expect(await cli(['recovery', 'status'])).toMatchObject({
      code: 12,
      stdout: expect.stringContaining('out of date'),
    });
    expect(await cli(['recovery', 'copy'])).toMatchObject({ code: 0 });
    expect(await cli(['recovery', 'status'])).toMatchObject({ code: 0 });
    gateway.writeProperties({ bucket: 'no-such-bucket-here', endpoint: s3.endpoint, region: s3.region });
    expect(await cli(['recovery', 'copy'])).toMatchObject({ code: 3 });
    expect((await cli(['recovery', 'status'])).stdout).toMatch(/Last failure: .*no-such-bucket-here/);
  });

  it('init accepts a recipient without its identity; recover then requires --accept-unsigned', async () => {
    await cli(['recovery', 'init', '--identity-out', at('elsewhere.txt')]);
    const text = readFileSync(at('elsewhere.txt'), 'utf8');
    const recipient = /age1[0-9a-z]{58}/.exec(text)?.[0] ?? '';
    const wrong = await cli(['recovery', 'init', '--recipient', `${recipient.slice(0, -1)}?`]);
    expect(wrong).toMatchObject({ code: 2 });
    expect(await cli(['recovery', 'init', '--recipient', recipient])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--accept-unsigned'),
    });
    const recover = ['recover', ...reach(), '--identity', at('elsewhere.txt'), '--root', at('new')];
    const from = (more: readonly string[]) =>
      run(process.execPath, [mainScript, ...recover, ...more], { env: process.env });
    expect(await from([])).toMatchObject({ code: 5, stderr: expect.stringContaining('--accept-unsigned') });
    expect(await from(['--accept-unsigned', '--rehearsal'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('NOT SIGNED'),
    });
    expect(readFileSync(at('new/opt/sftpgw/sftpgateway.properties'), 'utf8')).toContain(
      'keyring.bucket.copy=no',
    );
  });

  it('the gateway refuses a root whose recovery was interrupted; the same command resumes it', async () => {
    await addUser();
    await initFromFile();
    const recover = ['recover', ...reach(), '--identity', at('recovery.txt')];
    const state = at('new/var/lib/sftpgw');
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, 'recovering.json'), JSON.stringify({ bucket: 'another' }));
    const serve = await run(process.execPath, [mainScript, 'serve', '--root', at('new')], {
      env: { ...process.env, SFTPGW_DEFAULT_BUCKET: bucket },
    });
    expect(serve).toMatchObject({ code: 6, stderr: expect.stringContaining('was interrupted') });
    expect(await cli(recover, '', at('new'))).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('from the bucket another was interrupted'),
    });
    writeFileSync(join(state, 'recovering.json'), JSON.stringify({ bucket }));
    expect(await cli(recover, '', at('new'))).toMatchObject({ code: 0 });
    expect(readdirSync(state)).not.toContain('recovering.json');
  });

  it('the new key of a rotation is in the bucket before any object is encrypted with it', async () => {
    await addUser();
    await initFromFile();
    const keys = async () =>
      Object.keys(await readBucket()).filter((name) => name.endsWith('.age') && !name.includes('snapshot'));
    expect(await keys()).toHaveLength(1);
    const unreachable = { endpoint: 'http://127.0.0.1:1', 's3.retry.time': '2s' };
    gateway.writeProperties({ bucket, ...unreachable, region: s3.region });
    const away = await cli(['key', 'rotate', '--user', 'bob']);
    expect(away).toMatchObject({ code: 11 });
    expect((await cli(['key', 'rotate', '--status', '--json'])).stdout).not.toContain('bob');
    gateway.writeProperties({ bucket, endpoint: s3.endpoint, region: s3.region });
    expect(await cli(['key', 'rotate', '--user', 'bob'])).toMatchObject({ code: 0 });
    // There are two new keys: the unused one of the first attempt, and the user's.
    expect(await keys()).toHaveLength(3);
  });

  it('a rehearsal does not change the copy of the running gateway', async () => {
    await addUser();
    await initFromFile();
    const args = [
      'recover',
      ...reach(),
      '--identity',
      at('recovery.txt'),
      '--rehearsal',
      '--root',
      at('new'),
    ];
    expect(await run(process.execPath, [mainScript, ...args], { env: process.env })).toMatchObject({
      code: 0,
    });
    await cli(['user', 'add', 'bob', '--generate-sse-key']);
    expect(await cli(['recovery', 'copy'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('snapshot 2'),
    });
    expect(await cli(['recovery', 'copy'], '', at('new'))).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('keyring.bucket.copy=no'),
    });
  });
});

describe('sftpgw key split and join', () => {
  const split = ['key', 'split', '--shares', '3', '--threshold', '2'];

  it('restore the identity from files and through pipes', async () => {
    const secret = await initFromFile();
    const printed = await cli([...split, '--identity', at('recovery.txt')]);
    const shares = printed.stdout.split('\n').filter((line) => line.startsWith('sftpgw-share1'));
    expect(shares).toHaveLength(3);
    const joined = await cli(['key', 'join'], shares.slice(1).join('\n'));
    outputs.pop();
    outputs.pop();
    expect(secretIn(joined.stdout)).toBe(secret);

    const files = await cli([...split, '--out-dir', gateway.work], readFileSync(at('recovery.txt'), 'utf8'));
    const paths = files.stdout.trim().split('\n');
    expect(paths.map(modeOf)).toEqual([0o600, 0o600, 0o600]);
    const args = ['key', 'join', ...paths.slice(0, 2), '--out', at('joined.txt')];
    expect(await cli(args)).toMatchObject({ code: 0, stdout: '' });
    expect(modeOf(at('joined.txt'))).toBe(0o600);
    expect(secretIn(readFileSync(at('joined.txt'), 'utf8'))).toBe(secret);
    expect(await cli(args)).toMatchObject({ code: 4 });

    const mixed = await cli(['key', 'join', paths[0] ?? ''], shares[1]);
    expect(mixed).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not enough shares: 1 of 3 given'),
    });
    writeFileSync(at('foreign'), `${shares[1]}\n`);
    const foreign = await cli(['key', 'join', paths[0] ?? '', at('foreign')]);
    expect(foreign.code).toBe(2);
    expect(foreign.stderr).toMatch(/foreign line 1: this share belongs to the set/);
  });

  it('refuse invalid counts and inputs', async () => {
    const one = await cli(['key', 'split', '--shares', '2', '--threshold', '1'], 'x');
    expect(one).toMatchObject({ code: 2 });
    expect(await cli(split, 'AGE-SECRET-KEY-1NOTONE')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^sftpgw: stdin: an age identity is one line/),
    });
  });
});

describe.skipIf(missing('python3') !== null)('at a terminal', () => {
  it('the identity is shown once and typed hidden, and nothing changes before it is confirmed', async () => {
    // The right answer is unknown before the run, so the script interrupts at that question.
    const player = join(import.meta.dirname, 'terminal.py');
    const argv = [process.execPath, mainScript, 'recovery', 'init', '--root', gateway.root];
    const other = 'AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JSG8DKE';
    const script = [
      ['Recovery identity:', `${other}\r`],
      ['Recovery identity:', '\x03'],
    ];
    const { code, stdout } = await run('python3', [player, JSON.stringify(script), ...argv], {
      env: process.env,
    });
    expect(code, stdout).toBe(130);
    expect(secretIn(stdout)).toMatch(/^AGE/);
    expect(stdout).not.toContain(other);
    expect(JSON.parse((await cli(['recovery', 'status', '--json'])).stdout)).toMatchObject({
      recipients: [],
    });
    expect(JSON.stringify(readRoot())).not.toContain(secretIn(stdout));
  });
});

describe('the canary', () => {
  it('is neither in the output of the commands, nor in the root, nor in the bucket', async () => {
    const key = await addUser();
    const secret = await initFromFile();
    await cli(['recovery', 'init', '--confirm-file', at('recovery.txt')]);
    await cli(['recovery', 'init', '--another', '--confirm-file', at('recovery.txt')]);
    await cli(['recovery', 'status', '--json']);
    await cli(['recover', ...reach(), '--identity', at('recovery.txt')]);
    await cli(['recover', ...reach(), '--identity', '-', '--force'], `${secret}x`);
    const recovered = await cli(['recover', ...reach(), '--identity', at('recovery.txt'), '--force']);
    expect(recovered).toMatchObject({ code: 0 });
    const contents = { ...readRoot(), outputs: Buffer.from(outputs.join('\n')), ...(await readBucket()) };
    expect(Object.keys(contents).some((path) => path.includes('snapshot-'))).toBe(true);
    for (const [source, content] of Object.entries(contents)) {
      expect(content.includes(secret), `the identity in ${source}`).toBe(false);
      if (/\/sse\.key$/.test(source)) continue;
      for (const needle of [key, key.toString('hex'), key.toString('base64').slice(0, -1)]) {
        expect(content.includes(needle), `the key in ${source}`).toBe(false);
      }
    }
  });
});

function readRoot(): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  for (const entry of readdirSync(gateway.root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[path] = readFileSync(path);
  }
  return files;
}

async function readBucket(): Promise<Record<string, Buffer>> {
  const { GetObjectCommand, ListObjectsV2Command } = await import('@aws-sdk/client-s3');
  const client = s3?.client();
  if (client === undefined) return {};
  const objects: Record<string, Buffer> = {};
  for (const { Key = '' } of (await client.send(new ListObjectsV2Command({ Bucket: bucket }))).Contents ??
    []) {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    objects[Key] = Buffer.from((await Body?.transformToByteArray()) ?? []);
  }
  return objects;
}

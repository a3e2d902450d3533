import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CustomerKey } from '../../src/model/customer-key.js';
import { type CommandOptions, type Finished, run, runOk } from '../support/command.js';
import { missing } from '../support/tools.js';

const project = join(import.meta.dirname, '../..');
const { bin } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
  bin: Record<string, string>;
};

let base: string;
let root: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sftpgw-commands-'));
  root = join(base, 'root');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function argvOf(program: string, args: readonly string[]): readonly string[] {
  return [process.execPath, join(project, bin[program] ?? ''), ...args, '--root', root];
}

/** Runs one of the package's programs on the test's root, without a terminal. */
async function cli(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Finished> {
  const [node = '', ...rest] = argvOf(program, args);
  return run(node, rest, options);
}

async function ok(program: string, args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const finished = await cli(program, args, options);
  expect(finished.code, finished.stderr).toBe(0);
  return finished;
}

async function userJson(name: string): Promise<Record<string, unknown>> {
  return JSON.parse((await ok('sftpgw', ['user', 'show', name, '--json'])).stdout);
}

/** Returns every file below the root, to check that nothing was written. */
function filesBelowRoot(): readonly string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
}

const publicKey =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob@laptop';

function write(name: string, content: string | Uint8Array): string {
  const path = join(base, name);
  writeFileSync(path, content);
  return path;
}

const keyFileOf = (user: string) => join(root, 'home', user, '.sftpgateway', 'sse.key');
const authorizedKeysOf = (user: string) =>
  readFileSync(join(root, 'home', user, '.ssh', 'authorized_keys'), 'utf8');

describe('addsftpuser with flags', () => {
  it('creates a user with a raw key file that other accounts cannot read, and does not print the key', async () => {
    const key = randomBytes(32);
    const args = ['bob', '--sse', '3', '--sse-key-file', write('k.b64', `${key.toString('base64')}\n`)];
    const { stdout, stderr } = await ok('addsftpuser', [
      ...args,
      ...['--public-key-file', write('id.pub', `${publicKey}\n`), '--downloads', '--shared'],
    ]);
    expect(stdout).toMatch(/^added bob/);
    expect(stdout).toContain(CustomerKey.fromBytes(key).fingerprint);
    expect(stdout + stderr).not.toContain(key.toString('base64').slice(0, 20));
    expect(readFileSync(keyFileOf('bob'))).toEqual(key);
    expect(statSync(keyFileOf('bob')).mode & 0o777).toBe(0o600);
    expect(authorizedKeysOf('bob')).toContain(publicKey);
    expect(await userJson('bob')).toMatchObject({
      username: 'bob',
      uploadOption: 3,
      uploadKeyFingerprint: CustomerKey.fromBytes(key).fingerprint,
      publicKeyCount: 1,
      hasPassword: false,
      downloads: true,
      shared: true,
    });
  });

  it('generates a key, prints its path and how to back it up, and shows a new SSH key once', async () => {
    const { stdout, stderr } = await ok('addsftpuser', [
      'bob',
      '--sse',
      '3',
      '--generate-sse-key',
      '--create-ssh-key',
    ]);
    const key = readFileSync(keyFileOf('bob'));
    expect(key).toHaveLength(32);
    expect(stdout + stderr).not.toContain(key.toString('base64'));
    expect(stderr).toContain(CustomerKey.fromBytes(key).fingerprint);
    expect(stderr).toContain(`base64 < ${keyFileOf('bob')}`);
    expect(stdout).toMatch(
      /^-----BEGIN OPENSSH PRIVATE KEY-----\n[\s\S]+-----END OPENSSH PRIVATE KEY-----\n$/,
    );
    const secretLine = stdout.split('\n')[2] ?? '';
    for (const file of filesBelowRoot()) {
      expect(readFileSync(join(root, file)).includes(secretLine), file).toBe(false);
    }
    if (missing('ssh-keygen') === null) {
      const identity = write('id', stdout);
      await runOk('chmod', ['600', identity]);
      const { stdout: half } = await runOk('ssh-keygen', ['-y', '-f', identity]);
      expect(authorizedKeysOf('bob')).toContain(half.trim());
    }
  });

  it('reads a key and a password from stdin, so that neither is in the process list', async () => {
    const key = randomBytes(32);
    const pub = write('id.pub', publicKey);
    const args = ['bob', '--public-key-file', pub, '--sse', '3', '--sse-key-file', '-'];
    await ok('addsftpuser', args, { input: key });
    expect(readFileSync(keyFileOf('bob'))).toEqual(key);
    await ok('addsftpuser', ['eve', '--password-file', '-'], { input: 'correct horse\n' });
    expect(await userJson('eve')).toMatchObject({ hasPassword: true, uploadOption: 1 });
    for (const file of filesBelowRoot()) {
      expect(readFileSync(join(root, file)).includes('correct horse'), file).toBe(false);
    }
  });

  it('changes an existing user, reports the changes, and keeps the key that older files need', async () => {
    const pub = write('id.pub', publicKey);
    await ok('addsftpuser', ['bob', '--public-key-file', pub, '--sse', '3', '--generate-sse-key']);
    const before = readFileSync(keyFileOf('bob'));
    const fingerprint = CustomerKey.fromBytes(before).fingerprint;
    const { stdout, stderr } = await ok('addsftpuser', ['bob', '--generate-sse-key', '--downloads']);
    expect(stdout).toMatch(/^changed bob/);
    expect(stdout).toMatch(/downloads: off -> on/);
    expect(stdout).toMatch(new RegExp(`encryption: SSE-C, key ${fingerprint} -> SSE-C, key `));
    expect(stderr).toContain(`need the key before this one, ${fingerprint}, which stays in the keyring`);
    expect(readFileSync(`${keyFileOf('bob')}.${fingerprint}`)).toEqual(before);
    expect(await userJson('bob')).toMatchObject({ publicKeyCount: 1, downloads: true });
    expect((await ok('addsftpuser', ['bob', '--downloads'])).stdout).toMatch(/nothing changed/);
    expect((await ok('addsftpuser', ['bob', '--sse', '1', '--no-downloads'])).stdout).toMatch(/-> SSE-S3/);
    expect(await userJson('bob')).toMatchObject({ uploadOption: 1, downloads: false });
  });

  it('accepts a bucket, a prefix, an ACL and a KMS key', async () => {
    await ok('addsftpuser', [
      ...[
        'bob',
        '--public-key-file',
        write('id.pub', publicKey),
        '--bucket',
        'own-bucket',
        '--prefix',
        '/in',
      ],
      ...['--acl', '7', '--sse', '2', '--kms-key-arn', 'arn:aws:kms:eu-central-1:123456789012:key/abc'],
    ]);
    expect(await userJson('bob')).toMatchObject({
      uploadOption: 2,
      uploadBucket: 'own-bucket',
      uploadPrefix: 'in/',
    });
    const properties = readFileSync(join(root, 'home/bob/.sftpgateway/user.properties'), 'utf8');
    expect(properties).toMatch(/^acl\.option=7$/m);
    expect(properties).toMatch(/^sse\.option=2$/m);
  });

  it('refuses a prefix or name that overlaps with others, unless --allow-overlap is given', async () => {
    const login = ['--public-key-file', write('id.pub', publicKey)];
    await ok('addsftpuser', ['bob', ...login]);
    const before = filesBelowRoot();
    for (const prefix of ['bob/uploads/', 'bob/', 'bob/downloads/x/', 'shared/']) {
      const { code, stderr } = await cli('addsftpuser', ['eve', ...login, '--prefix', prefix]);
      expect([code, stderr], prefix).toEqual([6, expect.stringContaining('add --allow-overlap')]);
    }
    const reserved = await cli('addsftpuser', ['shared', ...login, '--bucket', 'other']);
    expect([reserved.code, reserved.stderr]).toEqual([6, expect.stringContaining('is reserved')]);
    expect(filesBelowRoot()).toEqual(before);
    await ok('addsftpuser', ['eve', ...login]);
    expect((await cli('addsftpuser', ['eve', '--prefix', 'bob/'])).code).toBe(6);
    await ok('addsftpuser', ['eve', '--prefix', 'bob/', '--allow-overlap']);
    await ok('addsftpuser', ['eve', '--downloads']);
    expect(await userJson('eve')).toMatchObject({ uploadPrefix: 'bob/', downloads: true });
  });

  it.each([
    ['nothing', [], /bob needs a way to log in: --public-key-file/],
    ['no key for SSE-C', ['--sse', '3', '--create-ssh-key'], /needs the SSE-C key: --sse-key-file/],
    ['no ARN for KMS', ['--sse', '2', '--create-ssh-key'], /needs the KMS key: --kms-key-arn/],
    ['a key for SSE-S3', ['--sse', '1', '--create-ssh-key', '--generate-sse-key'], /add --sse 3/],
    [
      'two keys',
      ['--sse', '3', '--generate-sse-key', '--sse-key-file', 'k', '--create-ssh-key'],
      /only one of/,
    ],
    ['two files from stdin', ['--password-file', '-', '--sse', '3', '--sse-key-file', '-'], /only one flag/],
    ['an unknown option', ['--sse', '7', '--create-ssh-key'], /the encryption must be 1/],
    ['a missing file', ['--public-key-file', '/no/such.pub'], /there is no \/no\/such\.pub/],
  ])('refuses %s and leaves nothing behind', async (_, flags, words) => {
    const { code, stdout, stderr } = await cli('addsftpuser', ['bob', ...flags]);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/^addsftpuser: [^\n]+\n$/);
    expect([2, 3]).toContain(code);
    expect(stdout).toBe('');
    expect((await ok('sftpgw', ['user', 'list', '--json'])).stdout.trim()).toBe('[]');
    expect(filesBelowRoot().filter((file) => file.startsWith('/home/'))).toEqual([]);
  });

  it.each([31, 33])('refuses a key of %i bytes with the reason', async (length) => {
    const file = write('k', randomBytes(length).toString('base64'));
    const flags = ['--sse', '3', '--sse-key-file', file, '--create-ssh-key'];
    const { code, stderr } = await cli('addsftpuser', ['bob', ...flags]);
    expect(code).toBe(2);
    expect(stderr).toContain(`decodes to ${length} bytes`);
  });
});

describe('users', () => {
  it('are listed as a table and as JSON, without secrets', async () => {
    const { stderr } = await ok('sftpgw', ['user', 'list']);
    expect(stderr).toMatch(/no users yet/);
    const pub = write('id.pub', publicKey);
    await ok('sftpgw', ['user', 'add', 'bob', '--public-key-file', pub, '--sse', '3', '--generate-sse-key']);
    await ok('sftpgw', ['user', 'add', 'ann', '--password-file', write('p', 'hunter22222')]);
    const table = (await ok('sftpgw', ['user', 'list'])).stdout.trimEnd().split('\n');
    expect(table).toHaveLength(3);
    expect(table[0]).toMatch(/^USER +UPLOADS TO +ENCRYPTION/);
    const users = JSON.parse((await ok('sftpgw', ['user', 'list', '--json'])).stdout) as {
      username: string;
    }[];
    expect(users.map((user) => user.username)).toEqual(['ann', 'bob']);
    expect((await ok('sftpgw', ['user', 'show', 'bob'])).stdout).toMatch(
      /encryption: +SSE-C, key [0-9a-f]{32}\n/,
    );
  });

  it('that do not exist are named, with exit code 3', async () => {
    const { code, stderr } = await cli('sftpgw', ['user', 'show', 'nobody']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^sftpgw: there is no user nobody/);
    expect((await cli('deletesftpuser', ['nobody', '--yes'])).code).toBe(3);
  });

  it('are removed only with --yes, and their keys are kept', async () => {
    await ok('sftpgatewaysetup', ['--bucket', 'my-bucket']);
    const pub = write('id.pub', publicKey);
    await ok('addsftpuser', ['bob', '--public-key-file', pub, '--sse', '3', '--generate-sse-key']);
    const key = readFileSync(keyFileOf('bob'));
    const refused = await cli('deletesftpuser', ['bob']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--yes');
    const { stdout } = await ok('deletesftpuser', ['bob', '--yes']);
    expect(stdout).toContain('objects in S3 stay: s3://my-bucket/bob/uploads/');
    const kept = /are kept in (.+)\n/.exec(stdout)?.[1] ?? '';
    const keys = readdirSync(kept, { recursive: true, withFileTypes: true }).filter(
      ({ name }) => name === 'sse.key',
    );
    expect(keys.map((entry) => readFileSync(join(entry.parentPath, entry.name)))).toEqual([key]);
    expect((await cli('sftpgw', ['user', 'show', 'bob'])).code).toBe(3);
  });
});

describe('setup', () => {
  it('writes the properties and keeps comments, and env prints the settings', async () => {
    await ok('sftpgatewaysetup', ['--bucket', 'first-bucket', '--region', 'eu-west-1']);
    const path = join(root, 'opt/sftpgw/sftpgateway.properties');
    writeFileSync(path, `# ours\n${readFileSync(path, 'utf8')}`);
    const { stdout } = await ok('sftpgatewaysetup', ['--bucket', 'second-bucket']);
    expect(stdout).toMatch(/Next: /);
    const text = readFileSync(path, 'utf8');
    expect(text).toContain('# ours');
    expect(text).toMatch(/^bucket=second-bucket$/m);
    expect(text).toMatch(/^region=eu-west-1$/m);
    const printed = JSON.parse((await ok('sftpgw', ['env', '--json'])).stdout);
    expect(printed).toMatchObject({ SFTPGW_BUCKET: 'second-bucket', AWS_DEFAULT_REGION: 'eu-west-1' });
  });

  it('is needed before env, unless an embedded S3 was started', async () => {
    const { code, stdout, stderr } = await cli('sftpgw', ['env']);
    expect(code).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/serve --embedded.*setup/);
  });
});

it('version reports the runtime and the native code', async () => {
  const printed = JSON.parse((await ok('sftpgw', ['version', '--json'])).stdout);
  expect(printed).toEqual({
    version: expect.stringMatching(/^\d/),
    node: process.version,
    nativeCrypto: expect.any(Boolean),
    nativeCrc32c: expect.any(Boolean),
  });
});

describe.skipIf(missing('python3') !== null)('at a terminal', () => {
  const player = join(import.meta.dirname, 'terminal.py');

  /** Runs a program on a pseudo-terminal. `stdout` is everything that the terminal showed. */
  function play(script: readonly (readonly [string, string])[], program: string, args: readonly string[]) {
    return run('python3', [player, JSON.stringify(script), ...argvOf(program, args)]);
  }

  it('addsftpuser asks in order and never shows the typed key, even if it is invalid', async () => {
    const key = randomBytes(32);
    const wrong = randomBytes(31).toString('base64');
    const { code, stdout } = await play(
      [
        ['Create an SSH key for carol?', 'n\r'],
        ['Paste a public key', `${publicKey}\r`],
        ['Option [1]:', '3\r'],
        ['Paste it in base64', `${wrong}\r`],
        ['Paste it in base64', `${key.toString('base64')}\r`],
        ['Modify?', '\r'],
        ['Private download directory?', 'y\r'],
        ['Shared directory?', 'maybe\r'],
        ['Shared directory?', 'n\r'],
      ],
      'addsftpuser',
      ['carol'],
    );
    expect(code, stdout).toBe(0);
    expect(stdout).toContain('31 bytes');
    expect(stdout).toContain('added carol');
    expect(stdout).not.toContain(wrong.slice(0, 12));
    expect(stdout).not.toContain(key.toString('base64').slice(0, 12));
    expect(readFileSync(keyFileOf('carol'))).toEqual(key);
    expect(await userJson('carol')).toMatchObject({ uploadOption: 3, downloads: true, shared: false });
  });

  it('Ctrl-C in the middle leaves nothing behind', async () => {
    const { code, stdout } = await play(
      [
        ['Create an SSH key', 'y\r'],
        ['Option [1]:', '\x03'],
      ],
      'addsftpuser',
      ['carol'],
    );
    expect(code, stdout).toBe(130);
    expect(stdout).toContain('nothing was changed');
    expect((await ok('sftpgw', ['user', 'list', '--json'])).stdout.trim()).toBe('[]');
  });

  it('deletesftpuser asks first', async () => {
    await ok('addsftpuser', ['carol', '--public-key-file', write('id.pub', publicKey)]);
    const no = await play([['Remove the user carol? [y/N]', '\r']], 'deletesftpuser', ['carol']);
    expect(no.stdout).toContain('carol is kept');
    const yes = await play([['Remove the user carol? [y/N]', 'y\r']], 'deletesftpuser', ['carol']);
    expect(yes.code, yes.stdout).toBe(0);
    expect(yes.stdout).toContain('removed carol');
  });
});

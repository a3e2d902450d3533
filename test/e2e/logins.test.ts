import { appendFileSync, chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestAgent } from '../../packages/ssh/testing/ssh-agent.js';
import { KeygenDirectory } from '../../packages/ssh/testing/ssh-keygen.js';
import { type FidoState, makeUserKey } from '../../packages/ssh/testing/user-keys.js';
import { TotpSecret } from '../../src/users/logins/totp.js';
import { type Finished, run, runOk } from '../support/command.js';
import { Gateway, mainScript, type TestUser } from '../support/gateway.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const skip = embeddedSkip ?? missing('sftp', 'ssh-keygen');
const stepMs = 30_000;

describe.skipIf(skip !== null)(`logins with OpenSSH's client${skip === null ? '' : ` (${skip})`}`, () => {
  let gateway: Gateway;
  let keys: KeygenDirectory;
  let bob: TestUser;
  const agents: TestAgent[] = [];

  beforeAll(async () => {
    keys = new KeygenDirectory();
    gateway = await Gateway.prepare({ s3: null, logLevel: 'debug' });
    gateway.writeProperties({
      'sftp.user.ca.file': join(keys.path, 'authorities'),
      'sftp.revoked.keys.file': join(keys.path, 'revoked'),
      // These tests fail to log in on purpose.
      'sftp.ban.exempt': '127.0.0.1',
    });
    keys.make('ca', 'ed25519');
    keys.make('other-ca', 'ecdsa');
    writeFileSync(join(keys.path, 'authorities'), `# ours\n${keys.text('ca.pub')}`);
    writeFileSync(join(keys.path, 'revoked'), '');
    await gateway.serve();
    bob = await gateway.addUser('bob', ['--sse', '1']);
  });
  afterEach(() => {
    for (const agent of agents.splice(0)) agent.close();
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    keys?.remove();
  });

  /** Lists the root directory with `sftp`. `options` are those of ssh_config(5). */
  function list(options: readonly string[], env: NodeJS.ProcessEnv = {}, name = 'bob'): Promise<Finished> {
    const all = [
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'NumberOfPasswordPrompts=1',
      ...options,
    ].flatMap((option) => ['-o', option]);
    const args = ['-F', '/dev/null', ...all, '-P', String(gateway.sftpPort), `${name}@127.0.0.1`];
    return run('sftp', args, { input: 'ls\n', env: { ...process.env, ...env } });
  }

  const identity = (name: string, ...more: readonly string[]) => [
    `IdentityFile=${join(keys.path, name)}`,
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'BatchMode=yes',
    ...more,
  ];
  const withoutKeys = ['IdentityAgent=none', 'PubkeyAuthentication=no'];

  async function expectLogin(
    options: readonly string[],
    env?: NodeJS.ProcessEnv,
    name?: string,
  ): Promise<void> {
    const { code, stdout, stderr } = await list(options, env, name);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('uploads');
  }

  async function expectRefusal(
    options: readonly string[],
    env?: NodeJS.ProcessEnv,
    name?: string,
  ): Promise<string> {
    const { code, stderr } = await list(options, env, name);
    expect(code, stderr).not.toBe(0);
    expect(stderr).toMatch(/Permission denied \([a-z,-]+\)/);
    return stderr;
  }

  /** Answers prompts: a verification code is the next word of `codes`, everything else the password. */
  function answers(password: string, codes: readonly string[] = []): NodeJS.ProcessEnv {
    const path = join(keys.path, 'askpass');
    writeFileSync(join(keys.path, 'password'), password);
    writeFileSync(join(keys.path, 'code'), codes.join('\n'));
    writeFileSync(join(keys.path, 'asked'), '');
    const lines = [
      '#!/bin/sh',
      `cd '${keys.path}' && printf '%s\\n' "$1" >>asked`,
      `case "$1" in *erification*) head -n 1 code;; *) cat password;; esac`,
    ];
    writeFileSync(path, `${lines.join('\n')}\n`);
    chmodSync(path, 0o700);
    return { SSH_ASKPASS: path, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' };
  }
  const asked = () => keys.text('asked').trim().split('\n');

  /** Signs a new key. `-n` names the principals, `-V` the validity. */
  function certify(name: string, ...flags: readonly string[]): void {
    keys.make(name, 'ed25519');
    keys.run('-q', '-s', 'ca', '-I', `${name}@test`, ...flags, `${name}.pub`);
  }

  it('accepts a certificate of the authority of all users, for the users that it names', async () => {
    certify('valid', '-n', 'bob,carol', '-V', '-5m:+1h', '-z', '7');
    await expectLogin(identity('valid'));
    await eventually('the certificate is logged', () => gateway.output.includes('valid@test'));
    certify('expired', '-n', 'bob', '-V', '-2h:-1h');
    await expectRefusal(identity('expired'));
    certify('later', '-n', 'bob', '-V', '+1h:+2h');
    await expectRefusal(identity('later'));
    certify('carols', '-n', 'carol');
    await expectRefusal(identity('carols'));
    certify('nobodys');
    await expectRefusal(identity('nobodys'));
    for (const reason of [
      'the certificate has expired',
      'does not have an accepted principal',
      'has no principals',
    ]) {
      await eventually(`logged: ${reason}`, () => gateway.output.includes(reason));
    }
  });

  it('accepts a certificate of an authority in authorized_keys, on the terms of its line', async () => {
    await gateway.addUser('ops', ['--sse', '1']);
    const line = `cert-authority,principals="deploy",from="127.0.0.0/8" ${keys.text('other-ca.pub')}`;
    writeFileSync(join(keys.path, 'line.pub'), line);
    const added = await gateway.cli(['user', 'add', 'ops', '--public-key-file', join(keys.path, 'line.pub')]);
    expect(added.code, added.stderr).toBe(0);
    for (const [name, principal] of [
      ['deployer', 'deploy'],
      ['named', 'ops'],
    ] as const) {
      keys.make(name, 'ecdsa');
      keys.run('-q', '-s', 'other-ca', '-I', name, '-n', principal, `${name}.pub`);
    }
    await expectLogin(identity('deployer'), {}, 'ops');
    await expectRefusal(identity('named'), {}, 'ops');
    await expectRefusal(identity('deployer'));
    const { stdout } = await gateway.cli(['user', 'show', 'ops']);
    const fingerprint = keys.run('-l', '-f', 'other-ca.pub').split(' ')[1] ?? '';
    expect(stdout).toContain(`ecdsa-sha2-nistp256 ${fingerprint}`);
    expect(stdout).toMatch(/^authority:/m);
  });

  it('refuses revoked certificates and keys, and every key while the list is unusable', async () => {
    certify('first', '-n', 'bob', '-z', '100');
    certify('second', '-n', 'bob', '-z', '101');
    keys.make('plain', 'ed25519');
    appendFileSync(join(gateway.root, 'home/bob/.ssh/authorized_keys'), keys.text('plain.pub'));
    const names = ['first', 'second', 'plain'];
    for (const name of names) await expectLogin(identity(name));
    writeFileSync(join(keys.path, 'spec'), 'serial: 100\n');
    keys.run('-q', '-k', '-f', 'revoked', '-s', 'ca.pub', 'spec');
    await expectRefusal(identity('first'));
    await expectLogin(identity('second'));
    writeFileSync(join(keys.path, 'revoked'), `${keys.text('plain.pub')}`);
    await expectRefusal(identity('plain'));
    await expectLogin(identity('first'));
    writeFileSync(join(keys.path, 'revoked'), 'nonsense\n');
    for (const name of names) await expectRefusal(identity(name));
    expect(gateway.output.match(/every key is refused/g)).toHaveLength(1);
    const doctor = await gateway.cli(['doctor', '--json']);
    expect(doctor.stdout).toContain('login-keys');
    writeFileSync(join(keys.path, 'revoked'), '');
    for (const name of names) await expectLogin(identity(name));
  });

  it.each(['sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com'] as const)(
    'accepts a security key of type %s after a touch, and a PIN where it is required',
    async (type) => {
      const key = makeUserKey(type);
      const line = `${type} ${key.blob.toString('base64')} token`;
      const file = join(gateway.root, 'home/bob/.ssh/authorized_keys');
      const before = readFileSync(file);
      const withAgent = async (fido: FidoState) => {
        const agent = new TestAgent([{ key, fido }]);
        agents.push(agent);
        const socket = join(
          keys.path,
          `agent-${type.slice(3, 8)}-${agents.length}-${fido.flags}-${fido.counter}`,
        );
        await agent.listen(socket);
        return [`IdentityAgent=${socket}`, 'BatchMode=yes'];
      };
      writeFileSync(file, `${line}\n`);
      await expectLogin(await withAgent({ flags: 1, counter: 1 }));
      await expectRefusal(await withAgent({ flags: 0, counter: 2 }));
      writeFileSync(file, `no-touch-required ${line}\n`);
      await expectLogin(await withAgent({ flags: 0, counter: 3 }));
      writeFileSync(file, `verify-required ${line}\n`);
      await expectRefusal(await withAgent({ flags: 1, counter: 4 }));
      await expectLogin(await withAgent({ flags: 5, counter: 5 }));
      writeFileSync(file, before);
    },
  );

  it('needs a key, a password and a code in this order with publickey,keyboard-interactive', async () => {
    const user = await gateway.addUser('dora', [
      '--sse',
      '1',
      '--login-methods',
      'publickey,keyboard-interactive',
    ]);
    writeFileSync(join(keys.path, 'pw'), 'right');
    await gateway.cli(['user', 'add', 'dora', '--password-file', join(keys.path, 'pw')]);
    const { stdout, code } = await gateway.cli(['user', 'totp', 'dora']);
    expect(code).toBe(0);
    const secret = TotpSecret.parse(new URL(stdout.trim()).searchParams.get('secret') ?? '');
    // Codes of three different steps are valid now: each login uses another one.
    const now = Date.now();
    const codes = [-1, 0, 1].map((step) => secret.codeAt(now + step * stepMs));
    const key = [`IdentityFile=${user.identity}`, 'IdentitiesOnly=yes', 'IdentityAgent=none'];
    await expectRefusal(key, answers('right', ['000000']), 'dora');
    expect(asked()).toEqual([
      expect.stringContaining('Password:'),
      expect.stringContaining('Verification code:'),
    ]);
    await expectRefusal(key, answers('wrong', codes.slice(1, 2)), 'dora');
    expect(asked()).toEqual([expect.stringContaining('Password:')]);
    await expectLogin(key, answers('right', codes.slice(1, 2)), 'dora');
    await expectRefusal(key, answers('right', codes.slice(1, 2)), 'dora');
    await expectLogin(key, answers('right', codes.slice(2)), 'dora');
    await expectRefusal([...key, 'BatchMode=yes'], {}, 'dora');
    await expectRefusal(withoutKeys, answers('right', codes), 'dora');
    await eventually('both methods are logged', () =>
      gateway.output.includes('publickey,keyboard-interactive'),
    );

    const verified = await run(
      process.execPath,
      [mainScript, 'user', 'totp', 'dora', '--verify', '--root', gateway.root],
      { env: gateway.environment, input: `${secret.codeAt(Date.now())}\n` },
    );
    expect([verified.code, verified.stdout], verified.stderr).toEqual([0, 'the code is right\n']);
    const again = await gateway.cli(['user', 'totp', 'dora']);
    expect([again.code, again.stdout]).toEqual([4, '']);
    expect((await gateway.cli(['user', 'show', 'dora'])).stdout).toMatch(/^TOTP: +yes$/m);
    const outputs = [gateway.output, (await gateway.cli(['user', 'list', '--json'])).stdout];
    expect(outputs.join('\n')).not.toContain(secret.reveal());
    const holders = readdirSync(gateway.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => readFileSync(path).includes(secret.reveal()));
    expect(holders).toEqual([join(gateway.root, 'home/dora/.sftpgateway/totp.secret')]);

    expect((await gateway.cli(['user', 'totp', 'dora', '--remove'])).code).toBe(0);
    await expectLogin(key, answers('right'), 'dora');
    expect(asked()).toHaveLength(1);
  });

  it('accepts a password by both methods, and refuses in the same words whoever asks', async () => {
    writeFileSync(join(keys.path, 'pw'), 'open sesame');
    await gateway.cli(['user', 'add', 'erin', '--password-file', join(keys.path, 'pw')]);
    for (const method of ['password', 'keyboard-interactive']) {
      const options = [...withoutKeys, `PreferredAuthentications=${method}`];
      await expectLogin(options, answers('open sesame'), 'erin');
      const refusals: string[] = [];
      for (const name of ['erin', 'bob', 'nobody-here', 'dora']) {
        const text = await expectRefusal(options, answers('wrong'), name);
        // sftp itself adds "Connection closed", once or twice.
        const lines = text
          .split(/\r?\n/)
          .filter((line) => line !== '' && !line.includes('Connection closed'));
        refusals.push(lines.join('\n').replaceAll(name, 'USER'));
        expect(asked(), name).toHaveLength(1);
      }
      expect(refusals).toEqual(refusals.map(() => refusals[0]));
    }
  });

  it('accepts keys that were given in the form of RFC 4716, as PuTTYgen saves them', async () => {
    keys.make('putty', 'ed25519');
    writeFileSync(join(keys.path, 'putty.ssh2'), keys.run('-e', '-m', 'RFC4716', '-f', 'putty.pub'));
    const add = (file: string) =>
      gateway.cli(['user', 'add', 'frank', '--public-key-file', join(keys.path, file)]);
    const added = await add('putty.ssh2');
    expect(added.code, added.stderr).toBe(0);
    await expectLogin(identity('putty'), {}, 'frank');
    const refused = await add('putty');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('this is a private key');
    await runOk('ssh-keygen', ['-l', '-f', join(gateway.root, 'home/frank/.ssh/authorized_keys')]);
  });

  it('refuses an RSA key below 2048 bits and logs why', async () => {
    const weak = makeUserKey('ssh-rsa', 1024);
    const agent = new TestAgent([{ key: weak }]);
    agents.push(agent);
    const socket = join(keys.path, 'agent-weak');
    await agent.listen(socket);
    appendFileSync(
      join(gateway.root, 'home/bob/.ssh/authorized_keys'),
      `ssh-rsa ${weak.blob.toString('base64')} weak\n`,
    );
    await expectLogin([
      `IdentityFile=${bob.identity}`,
      'IdentitiesOnly=yes',
      'IdentityAgent=none',
      'BatchMode=yes',
    ]);
    await eventually('the line is logged', () => /RSA key of 1024 bits/.test(gateway.output));
    const text = await expectRefusal([`IdentityAgent=${socket}`, 'BatchMode=yes']);
    expect(text).toContain('This server refuses RSA keys below 2048 bits');
  });
});

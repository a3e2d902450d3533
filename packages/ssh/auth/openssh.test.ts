import { execFile } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../keys/certificate.js';
import { parseRevocationList } from '../keys/parse-revocation-list.js';
import { type AgentKey, TestAgent } from '../testing/ssh-agent.js';
import { KeygenDirectory } from '../testing/ssh-keygen.js';
import { makeCertificate, makeUserKey } from '../testing/user-keys.js';
import { LoginServer } from './testing/login-server.js';
import { type TestUser, TestUsers } from './testing/test-users.js';

const ca = makeUserKey('ssh-ed25519');

describe.skipIf(!KeygenDirectory.isInstalled)("OpenSSH's client", () => {
  const directory = new KeygenDirectory();
  const ends: (() => void)[] = [];
  beforeAll(() => directory.make('file', 'ed25519'));
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });
  afterAll(() => directory.remove());

  async function start(user: TestUser) {
    const users = new TestUsers({ alice: user });
    const server = new LoginServer(users);
    ends.push(() => server.close());
    return { users, server, port: await server.listen() };
  }

  /** Starts an agent with the keys and returns the client's option for it. */
  let agents = 0;
  async function agentWith(...keys: readonly AgentKey[]) {
    const agent = new TestAgent(keys);
    ends.push(() => agent.close());
    agents += 1;
    const path = join(directory.path, `agent-${agents}`);
    await agent.listen(path);
    return `IdentityAgent=${path}`;
  }

  /** Runs ssh and resolves to its messages. `answers` are given to its questions in turn. */
  function ssh(port: number, options: readonly string[], answers: readonly string[] = []): Promise<string> {
    const askpass = join(directory.path, 'askpass');
    const lines = answers.map((answer, index) => `${index + 1}) echo '${answer}';;`).join('\n');
    writeFileSync(join(directory.path, 'count'), '');
    writeFileSync(
      askpass,
      `#!/bin/sh\ncd '${directory.path}'\necho x >>count\ncase $(wc -l <count) in\n${lines}\nesac\n`,
    );
    chmodSync(askpass, 0o700);
    const fixed = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'ConnectTimeout=10'];
    if (answers.length === 0) fixed.push('BatchMode=yes');
    const args = [
      '-F',
      'none',
      '-p',
      String(port),
      ...[...options, ...fixed].flatMap((option) => ['-o', option]),
    ];
    const env = {
      PATH: process.env['PATH'],
      HOME: directory.path,
      SSH_ASKPASS: askpass,
      SSH_ASKPASS_REQUIRE: 'force',
    };
    return new Promise((resolve) => {
      execFile(
        'ssh',
        [...args, 'alice@127.0.0.1', 'true'],
        { env, timeout: 30_000 },
        (_error, stdout, stderr) => {
          resolve(stdout + stderr);
        },
      );
    });
  }

  it.each([
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'ssh-rsa',
    'sk-ssh-ed25519@openssh.com',
    'sk-ecdsa-sha2-nistp256@openssh.com',
  ] as const)('logs in with a key of type %s, and with a certificate for it', async (type) => {
    const key = makeUserKey(type);
    const { server, port } = await start({ keys: [{ key }], authorities: [{ key: ca }] });
    expect(await ssh(port, [await agentWith({ key })])).toContain('logged in with publickey');
    const certified = makeUserKey(type);
    const blob = makeCertificate(certified, ca, { keyId: 'from the agent' });
    expect(await ssh(port, [await agentWith({ key: certified, blob })])).toContain(
      'logged in with publickey',
    );
    expect(server.logins[0]?.keys[0]?.certificate).toBeUndefined();
    expect(server.logins[1]?.keys[0]?.certificate?.keyId).toBe('from the agent');
  });

  it('logs in with a FIDO key only with a touch', async () => {
    const key = makeUserKey('sk-ssh-ed25519@openssh.com');
    const { server, port } = await start({ keys: [{ key }] });
    const output = await ssh(port, [await agentWith({ key, fido: { flags: 0, counter: 3 } })]);
    expect(output).toContain('Permission denied');
    expect(server.refusals.map(({ reason }) => reason)).toContain('the signature was made without a touch');
  });

  it('logs in with a certificate in files, until it is revoked', async () => {
    directory.make('file-ca', 'ecdsa');
    directory.run(
      '-q',
      '-s',
      'file-ca',
      '-I',
      'file',
      '-n',
      'alice',
      '-z',
      '7',
      '-O',
      'source-address=127.0.0.0/8',
      'file.pub',
    );
    const certificate = parseCertificate(directory.blob('file-cert.pub'));
    const authority = { ...ca, blob: certificate.signatureKey.blob };
    const { users, server, port } = await start({ authorities: [{ key: authority }] });
    const options = [
      `IdentityFile=${join(directory.path, 'file')}`,
      'IdentityAgent=none',
      'IdentitiesOnly=yes',
    ];
    expect(await ssh(port, options)).toContain('logged in with publickey');
    expect(server.logins[0]?.keys[0]?.certificate).toMatchObject({ keyId: 'file', serial: 7n });
    writeFileSync(join(directory.path, 'spec'), 'serial: 7\n');
    directory.run('-q', '-k', '-f', 'krl', '-s', 'file-ca.pub', 'spec');
    users.revoked = parseRevocationList(directory.bytes('krl'));
    expect(await ssh(port, options)).toContain('Permission denied (publickey,password,keyboard-interactive)');
  });

  it('logs in with a password and with keyboard-interactive', async () => {
    const { port } = await start({ password: 'right' });
    for (const method of ['password', 'keyboard-interactive']) {
      const options = ['IdentityAgent=none', `PreferredAuthentications=${method}`];
      expect(await ssh(port, options, ['right'])).toContain(`logged in with ${method}`);
      expect(await ssh(port, options, ['wrong', 'right'])).toContain(`logged in with ${method}`);
    }
  });

  it('logs in with a key and then two factors in a dialogue', async () => {
    const key = makeUserKey('ssh-ed25519');
    const { server, port } = await start({
      password: 'right',
      code: '123456',
      keys: [{ key }],
      sequence: ['publickey', 'keyboard-interactive'],
    });
    const options = [await agentWith({ key })];
    expect(await ssh(port, options, ['right', '123456'])).toContain(
      'logged in with publickey and keyboard-interactive',
    );
    expect(server.logins).toHaveLength(1);
    expect(await ssh(port, ['IdentityAgent=none'], ['right', '123456'])).toContain(
      'Permission denied (publickey)',
    );
  });

  it('prints why the connection ends after ten unknown keys, and when the server is busy', async () => {
    const { users, port } = await start({ password: 'right' });
    const keys = Array.from({ length: 11 }, () => ({ key: makeUserKey('ssh-ed25519') }));
    expect(await ssh(port, [await agentWith(...keys)])).toContain(
      'too many authentication failures (10): if your agent has many keys, select one',
    );
    users.isBusy = true;
    const options = ['IdentityAgent=none', 'PreferredAuthentications=password'];
    expect(await ssh(port, options, ['right'])).toContain('the server is busy: try again in a few seconds');
  });

  it('prints the advice for a weak RSA key', async () => {
    const key = makeUserKey('ssh-rsa', 1024);
    const { port } = await start({ keys: [{ key }] });
    expect(await ssh(port, [await agentWith({ key })])).toContain(
      'This server refuses RSA keys below 2048 bits',
    );
  });
});

import { randomBytes } from 'node:crypto';
import { readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../support/command.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import { TestSftpServer } from './test-sftp-server.js';

const skip = missing('sftp', 'scp', 'ssh', 'ssh-keygen', 'ssh-keyscan');

let testServer: TestSftpServer;
const file = (name: string) => join(testServer.directory, name);

beforeAll(async () => {
  if (skip === null) testServer = await TestSftpServer.open();
});
afterAll(async () => {
  if (skip === null) await testServer[Symbol.asyncDispose]();
});
beforeEach(() => {
  if (skip === null) {
    for (const path of testServer.memory.nodes.keys()) if (path !== '/') testServer.memory.nodes.delete(path);
    testServer.asked.length = 0;
    testServer.lines.length = 0;
  }
});

describe.skipIf(skip !== null)('OpenSSH sftp', () => {
  it('puts and gets files of all sizes, byte for byte', async () => {
    const sizes = [0, 1, 32_768, 261_120, 261_121, 9_000_001];
    for (const size of sizes) await writeFile(file(`put-${size}`), randomBytes(size));
    const batch = sizes.map((size) => `put put-${size} /f-${size}\nget /f-${size} got-${size}`).join('\n');
    const { code, stderr } = await testServer.sftp(batch);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    for (const size of sizes) {
      const sent = await readFile(file(`put-${size}`));
      expect(testServer.memory.content(`/f-${size}`)?.equals(sent)).toBe(true);
      expect((await readFile(file(`got-${size}`))).equals(sent)).toBe(true);
    }
    expect(testServer.memory.openHandles).toBe(0);
    const ended = await eventually(
      'the session is reported',
      () => testServer.lines.find(({ message }) => message === 'SFTP session ended') ?? null,
    );
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(ended.fields).toMatchObject({
      user: 'bob',
      address: '127.0.0.1',
      method: 'publickey',
      filesWritten: sizes.length,
      filesRead: sizes.length,
      bytesReceived: total,
      bytesSent: total,
    });
  });

  it('renews the keys during transfers', async () => {
    await writeFile(file('big'), randomBytes(40_000_000));
    const options = testServer.options('id', 'RekeyLimit=1M');
    const { code, stderr } = await testServer.sftp('put big /big\nget /big big-back', options);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect((await readFile(file('big-back'))).equals(await readFile(file('big')))).toBe(true);
  });

  it('keeps times and modes with -p and syncs with -f', async () => {
    await writeFile(file('kept'), 'kept', { mode: 0o640 });
    await utimes(file('kept'), 1_500_000_000, 1_500_000_000);
    expect((await testServer.sftp('put -pf kept /kept\nget -p /kept kept-back')).code).toBe(0);
    expect(testServer.memory.nodes.get('/kept')).toMatchObject({ mtimeSeconds: 1_500_000_000, mode: 0o640 });
    expect((await stat(file('kept-back'))).mtimeMs).toBe(1_500_000_000_000);
  });

  it('lists, creates, moves, links and removes', async () => {
    testServer.memory.putFile('/a', 'hello');
    const { code, stdout, stderr } = await testServer.sftp(
      [
        'mkdir /d',
        'rename /a /d/b',
        'symlink b /d/l',
        'copy /d/b /d/c',
        'ls -l /d',
        'df -h /',
        'pwd',
        'chmod 600 /d/c',
        'rm /d/l',
        'rm /d/b',
        'rm /d/c',
        'rmdir /d',
      ].join('\n'),
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^-rw-r--r-- +(?:1|\?) bob +bob +5 Nov 14 +2023 \/d\/b$/m);
    expect(stdout).toMatch(/^lrwxrwxrwx .* \/d\/l/m);
    expect(stdout).toMatch(/^-rw-r--r-- .* 5 .* \/d\/c$/m);
    expect(stdout).toMatch(/3\.9MB +1\.6MB +2\.3MB/);
    expect(stdout).toMatch(/^Remote working directory: \/$/m);
    expect([...testServer.memory.nodes.keys()]).toEqual(['/']);
  });

  it('reports errors, and the session continues', async () => {
    const { code, stdout, stderr } = await testServer.sftp('-get /none\n-rmdir /\n-ls /none\nls /');
    expect(code).toBe(0);
    expect(stderr).toContain('File "/none" not found');
    expect(stderr).toContain('remote rmdir "/": Permission denied');
    expect(stdout).toContain('sftp> ls /');
  });
});

describe.skipIf(skip !== null)('logins', () => {
  it('work with a password', async () => {
    const { code, stdout } = await testServer.sftpWithPassword('pwd', 'open sesame');
    expect(code).toBe(0);
    expect(stdout).toContain('Remote working directory: /');
    expect(testServer.asked).toContainEqual({ username: 'bob', kind: 'password', address: '127.0.0.1' });
  });

  it('are refused with a wrong password, an unknown key and an unknown user, all with the same text', async () => {
    await testServer.makeKey('foreign', 'ed25519', false);
    const wrong = await testServer.sftpWithPassword('pwd', 'wrong');
    const foreign = await testServer.sftp('pwd', testServer.options('foreign', 'PasswordAuthentication=no'));
    const unknown = await run('sftp', [
      ...testServer.options('id', 'BatchMode=yes'),
      ...['-P', String(testServer.port), 'nobody@127.0.0.1'],
    ]);
    for (const { code, stderr } of [wrong, foreign, unknown]) {
      expect(code).toBe(255);
      expect(stderr).toMatch(/(?:bob|nobody)@127\.0\.0\.1: Permission denied \(publickey,password\)\./);
    }
    expect(
      testServer.lines.some(
        ({ message, fields }) =>
          message === 'SSH connection closed without a login' && fields['user'] === 'nobody',
      ),
    ).toBe(true);
  });

  it.each([
    ['ecdsa', ['-b', '256']],
    ['ecdsa', ['-b', '521']],
    ['rsa', ['-b', '2048']],
  ])('work with a key of type %s %j', async (type, more) => {
    const name = `key-${type}-${more[1] ?? ''}`;
    await testServer.makeKey(name, type, true, ...more);
    expect((await testServer.sftp('pwd', testServer.options(name, 'PasswordAuthentication=no'))).code).toBe(
      0,
    );
  });

  it('refuse an RSA key that signs with SHA-1, and a short one', async () => {
    await testServer.makeKey('sha1', 'rsa', true, '-b', '2048');
    await testServer.makeKey('short', 'rsa', true, '-b', '1024');
    const noPassword = 'PasswordAuthentication=no';
    const sha1 = testServer.options('sha1', noPassword, 'PubkeyAcceptedAlgorithms=ssh-rsa');
    const short = testServer.options('short', noPassword, 'RequiredRSASize=1024');
    for (const options of [sha1, short]) {
      const { code, stderr } = await testServer.sftp('pwd', options);
      expect(code).toBe(255);
      expect(stderr).toContain('Permission denied');
    }
    expect((await testServer.sftp('pwd', testServer.options('sha1', noPassword))).code).toBe(0);
  });
});

describe.skipIf(skip !== null)('requests other than SFTP', () => {
  it.each([
    ['a shell', []],
    ['a terminal', ['-tt']],
    ['a command', ['ls', '/']],
  ])('are refused with one clear line and a status that is not zero: %s', async (_, more) => {
    const [flags, command] = [
      more.filter((arg) => arg.startsWith('-')),
      more.filter((arg) => !arg.startsWith('-')),
    ];
    const args = [
      ...flags,
      ...testServer.options(),
      '-p',
      String(testServer.port),
      'bob@127.0.0.1',
      ...command,
    ];
    const { code, stdout, stderr } = await run('ssh', args);
    expect(code).toBe(1);
    expect(stdout + stderr).toContain('This server speaks SFTP only: use sftp, or scp without -O');
  });

  it('refuse scp in its old mode with a hint; scp in its SFTP mode works', async () => {
    await writeFile(file('small'), 'small');
    const args = [
      ...testServer.options(),
      '-P',
      String(testServer.port),
      file('small'),
      'bob@127.0.0.1:/small',
    ];
    const old = await run('scp', ['-O', ...args]);
    expect(old.code).not.toBe(0);
    expect(old.stderr).toContain('scp without -O');
    expect((await run('scp', args)).code).toBe(0);
    expect(testServer.memory.content('/small')?.toString()).toBe('small');
  });

  it('refuse forwards and other subsystems', async () => {
    const ssh = (...more: string[]) =>
      run(
        'ssh',
        [...more, ...testServer.options(), '-p', String(testServer.port), 'bob@127.0.0.1'].concat(
          more.includes('-s') ? ['netconf'] : [],
        ),
      );
    const forward = await ssh('-W', '127.0.0.1:1');
    expect(forward.stderr).toMatch(/administratively prohibited|open failed/);
    const subsystem = await ssh('-s');
    expect(subsystem.code).not.toBe(0);
    expect(subsystem.stderr).toContain('subsystem request failed');
  });
});

describe.skipIf(skip !== null)('algorithms', () => {
  it('are modern, with strict key exchange', async () => {
    const args = [
      '-vv',
      ...testServer.options(),
      '-p',
      String(testServer.port),
      '-s',
      'bob@127.0.0.1',
      'sftp',
    ];
    const { stderr: answer } = await run('ssh', args);
    const stderr = answer.replaceAll('\r', '');
    const offered = stderr
      .slice(stderr.indexOf('peer server KEXINIT proposal'))
      .split('\n')
      .slice(1, 11)
      .join('\n');
    expect(offered).toContain('kex-strict-s-v00@openssh.com');
    // Both ends reset their sequence numbers only in strict mode.
    expect(stderr).toMatch(/resetting send seqnr 3/);
    expect(stderr).toMatch(/resetting read seqnr 3/);
    expect(stderr).toMatch(
      /server-sig-algs=<ssh-ed25519,sk-ssh-ed25519@openssh\.com,(?:ecdsa-sha2-nistp\d+,){3}sk-ecdsa-sha2-nistp256@openssh\.com,rsa-sha2-512,rsa-sha2-256>/,
    );
    expect(offered).toContain(
      'host key algorithms: ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256\n',
    );
    expect(offered).not.toMatch(/sha1(?!\d)|cbc|md5|arcfour|3des|umac|ssh-rsa|zlib/);
    expect(offered).toContain('KEX algorithms: mlkem768x25519-sha256,curve25519-sha256,');
    expect(offered).toContain(
      'MACs ctos: hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512\n',
    );
    expect(offered).toContain('compression ctos: none\n');
    // Clients without AES-GCM get another list of ciphers.
    const ctr = [
      '-vv',
      ...testServer.options('id', 'Ciphers=aes128-ctr'),
      '-p',
      String(testServer.port),
      '-s',
      'bob@127.0.0.1',
      'sftp',
    ];
    const forCtr = (await run('ssh', ctr)).stderr;
    expect(forCtr).toContain(
      'ciphers ctos: aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr',
    );
  });

  it('are the fast ciphers for a client that has them, whatever its preference', async () => {
    const setting =
      'Ciphers=chacha20-poly1305@openssh.com,aes256-ctr,aes256-gcm@openssh.com,aes128-gcm@openssh.com';
    const args = [
      '-v',
      ...testServer.options('id', setting),
      '-p',
      String(testServer.port),
      '-s',
      'bob@127.0.0.1',
      'sftp',
    ];
    expect((await run('ssh', args)).stderr).toContain('server->client cipher: aes256-gcm@openssh.com');
    const plain = [
      '-v',
      ...testServer.options(),
      '-p',
      String(testServer.port),
      '-s',
      'bob@127.0.0.1',
      'sftp',
    ];
    expect((await run('ssh', plain)).stderr).toMatch(/server->client cipher: aes\d+-gcm@openssh\.com/);
  });

  it('that are outdated are refused', async () => {
    for (const setting of [
      'KexAlgorithms=diffie-hellman-group14-sha1',
      'Ciphers=aes128-cbc',
      'HostKeyAlgorithms=ssh-rsa',
    ]) {
      const { code, stderr } = await testServer.sftp('pwd', testServer.options('id', setting));
      expect(code).toBe(255);
      expect(stderr).toContain('no matching');
    }
    const causes = testServer.lines.filter(({ message }) => message === 'SSH connection refused');
    expect(causes.map(({ fields }) => fields['software'])).toEqual(
      Array(3).fill(expect.stringMatching(/^OpenSSH_/)),
    );
    expect(String(causes[0]?.fields['cause'])).toContain('diffie-hellman-group14-sha1');
    expect(String(causes[1]?.fields['cause'])).toContain('aes128-cbc');
    expect(String(causes[2]?.fields['cause'])).toContain('ssh-rsa');
  });

  it.each([
    'KexAlgorithms=diffie-hellman-group16-sha512',
    'KexAlgorithms=ecdh-sha2-nistp384',
    'Ciphers=aes256-gcm@openssh.com',
    'Ciphers=chacha20-poly1305@openssh.com',
    'Ciphers=aes256-ctr',
    'KexAlgorithms=diffie-hellman-group-exchange-sha256',
    'Ciphers=aes128-ctr MACs=hmac-sha2-256',
  ])('that are supported work: %s', async (setting) => {
    await writeFile(file('sound'), randomBytes(1_000_000));
    const { code, stderr } = await testServer.sftp(
      'put sound /sound\nget /sound sound-back',
      testServer.options('id', ...setting.split(' ')),
    );
    expect([code, stderr]).toEqual([0, '']);
    expect((await readFile(file('sound-back'))).equals(await readFile(file('sound')))).toBe(true);
  });

  it('let a client choose any of the three host keys, with the fingerprints of the start-up log', async () => {
    for (const [type, name] of [
      ['ssh-ed25519', 'ED25519'],
      ['ecdsa-sha2-nistp256', 'ECDSA'],
      ['rsa-sha2-512', 'RSA'],
    ] as const) {
      const { stderr } = await run('ssh', [
        ...['-v', ...testServer.options('id', `HostKeyAlgorithms=${type}`, 'StrictHostKeyChecking=no')],
        ...[
          '-o',
          `UserKnownHostsFile=${file('new')}`,
          '-p',
          String(testServer.port),
          'bob@127.0.0.1',
          '-s',
          'sftp',
        ],
      ]);
      const shown = /Server host key: (\S+) (SHA256:\S+)/.exec(stderr);
      expect(shown?.[1]?.toUpperCase()).toContain(name);
      expect(testServer.server.hostKeyFingerprints).toContain(`${shown?.[1]} ${shown?.[2]}`);
    }
  });
});

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run, runOk } from '../../test/support/command.js';
import { missing } from '../../test/support/tools.js';
import { Fault } from '../model/fault.js';
import { loadHostKeys } from './host-keys.js';
import { encodeOpensshKey, keyFingerprint, publicBlobOfOpensshKey } from './openssh-key.js';
import { type LogLine, recordingLogger, testEntropy } from './testing/test-logger.js';

const noKeygen = missing('ssh-keygen');

let directory: string;
let lines: LogLine[];
const load = () => loadHostKeys(join(directory, 'keys'), testEntropy, recordingLogger(lines));
const path = (name: string) => join(directory, 'keys', name);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'host-keys-'));
  lines = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function refusal(attempt: Promise<unknown>): Promise<Fault> {
  const thrown = await attempt.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof Fault)) throw new Error('no fault was thrown');
  return thrown;
}

describe('host keys', () => {
  it('are created at the first start with private modes, and kept', async () => {
    const made = await load();
    expect(made.map(({ type }) => type)).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa']);
    expect(lines.map(({ fields }) => fields['fingerprint'])).toEqual(made.map((key) => key.fingerprint));
    expect((await stat(join(directory, 'keys'))).mode & 0o777).toBe(0o700);
    for (const name of ['ed25519', 'ecdsa', 'rsa']) {
      expect((await stat(path(`ssh_host_${name}_key`))).mode & 0o777).toBe(0o600);
    }
    lines = [];
    expect(await load()).toEqual(made);
    expect(lines).toEqual([]);
  });

  it.skipIf(noKeygen !== null)(
    'are readable by ssh-keygen, with the same fingerprints and the right sizes',
    async () => {
      const made = await load();
      const sizes = ['256', '256', '3072'];
      for (const [index, name] of ['ed25519', 'ecdsa', 'rsa'].entries()) {
        const { stdout } = await runOk('ssh-keygen', ['-l', '-f', path(`ssh_host_${name}_key`)]);
        expect(stdout.split(' ').slice(0, 2)).toEqual([sizes[index], made[index]?.fingerprint]);
        // Deriving the public key proves that the private key is complete.
        await runOk('ssh-keygen', ['-y', '-f', path(`ssh_host_${name}_key`)]);
      }
    },
  );

  it('of an older server are used', async () => {
    await load();
    const { privateKey } = generateKeyPairSync('ed25519');
    const own = encodeOpensshKey(privateKey, 'old server', randomBytes(4));
    await writeFile(path('ssh_host_ed25519_key'), own);
    const [first] = await load();
    expect(first?.privateKey).toBe(own);
    expect(first?.fingerprint).toBe(keyFingerprint(publicBlobOfOpensshKey(own, 'x')));
  });

  it('are refused if others can read them, with the command that fixes the mode', async () => {
    await load();
    await chmod(path('ssh_host_rsa_key'), 0o640);
    const { kind, hint } = await refusal(load());
    expect(kind).toBe('denied');
    expect(hint).toContain('can be read by others (mode 640)');
    expect(hint).toContain(`chmod 600 ${path('ssh_host_rsa_key')}`);
  });

  it('are refused by file name if they are not keys, of another type or truncated', async () => {
    await load();
    const file = path('ssh_host_ed25519_key');
    const good = await readFile(file, 'utf8');
    const rsa = await readFile(path('ssh_host_rsa_key'), 'utf8');
    const cut = `${good.slice(0, 90)}\n-----END OPENSSH PRIVATE KEY-----\n`;
    for (const [content, expected] of [
      ['', 'is not an OpenSSH private key'],
      ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'ssh-keygen -p'],
      [rsa, 'holds a key of type ssh-rsa, not ssh-ed25519'],
      [cut, 'is damaged'],
    ] as const) {
      await writeFile(file, content);
      const { kind, hint } = await refusal(load());
      expect(kind).toBe('invalid');
      expect(hint).toContain(file);
      expect(hint).toContain(expected);
    }
  });

  it.skipIf(noKeygen !== null)(
    'are refused if they have a passphrase, with the command that removes it',
    async () => {
      await load();
      const file = path('ssh_host_ed25519_key');
      await rm(file);
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', file]);
      expect((await refusal(load())).hint).toContain('has a passphrase; remove it with: ssh-keygen -p');
    },
  );
});

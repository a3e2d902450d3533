import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { missing } from '../../test/support/tools.js';
import { createSshKeyPair } from './ssh-key-pair.js';

it('creates a new ed25519 key pair each time, with a public key for authorized_keys', () => {
  const pair = createSshKeyPair('bob');
  expect(pair.publicKey).toMatch(/^ssh-ed25519 \S+ bob$/);
  expect(createSshKeyPair('bob').privateKey).not.toBe(pair.privateKey);
  const point = Buffer.from(pair.publicKey.split(' ')[1] ?? '', 'base64').subarray(-32);
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') };
  expect(createPublicKey({ format: 'jwk', key: jwk }).asymmetricKeyType).toBe('ed25519');
});

it.skipIf(missing('ssh-keygen') !== null)(
  'encodes a private key that OpenSSH reads, with the comment',
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'sftpgw-key-'));
    try {
      // Eight lengths of the comment cover every padding of the private section.
      for (let length = 1; length <= 8; length += 1) {
        const comment = 'b'.repeat(length);
        const pair = createSshKeyPair(comment);
        const path = join(directory, comment);
        writeFileSync(path, pair.privateKey, { mode: 0o600 });
        expect(execFileSync('ssh-keygen', ['-y', '-f', path], { encoding: 'utf8' }).trim()).toBe(
          pair.publicKey,
        );
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

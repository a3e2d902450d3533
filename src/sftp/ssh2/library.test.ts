import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { disableUnsafe, nativeCrypto } from './library.js';

const require = createRequire(import.meta.url);

it('the native ciphers are built and in use', () => expect(nativeCrypto).toBe('loaded'));

/** Forgets ciphers, as connections do that have ended, and lets the garbage collector find them. */
const forgetsCiphers = `
  const { AESGCMCipher, AESGCMDecipher } = require('ssh2/lib/protocol/crypto/build/Release/sshcrypto.node');
  for (let i = 0; i < 1500; i++) {
    new AESGCMCipher('aes-256-gcm', Buffer.alloc(32), Buffer.alloc(12));
    new AESGCMDecipher('aes-256-gcm', Buffer.alloc(32), Buffer.alloc(12));
  }`;

describe('native ciphers that nobody has any more', () => {
  it.each([
    ['at once', 'gc();'],
    ['in a later turn', 'setImmediate(gc);'],
    ['when the process ends', ''],
  ])('are freed %s without harm', (_, then) => {
    const program = `${forgetsCiphers}\n${then}\nprocess.on('exit', () => console.log('ended'));`;
    const printed = execFileSync(process.execPath, ['--expose-gc', '-e', program], { encoding: 'utf8' });
    expect(printed).toBe('ended\n');
  });
});

describe('an add-on', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sftpgw-add-on-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  const addOn = (name: string, symbols: string) => {
    const path = join(directory, name);
    writeFileSync(path, `\x7fELF\0${symbols}\0`);
    return path;
  };

  it('is kept out when the garbage collector would abort on it', () => {
    const path = addOn('unsafe.node', '_ZN4node28RemoveEnvironmentCleanupHookEPN2v87IsolateEPFvPvES3_');
    expect(disableUnsafe(path)).toBe(true);
    expect(require(path)).toBeNull();
  });

  it('is left alone otherwise', () => {
    const path = addOn('safe.node', '_ZN4node25node_module_registerEPv');
    expect(disableUnsafe(path)).toBe(false);
    expect(() => require(path)).toThrow(/file too short|invalid ELF/);
  });
});

import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hostKeyAlgorithms } from '../algorithms/host-key-algorithms.js';
import { parsePublicKey } from '../keys/public-key.js';
import { checkSignature } from '../keys/signature.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';
import { hostKeyFor, hostKeyOf, parseHostKey } from './host-key.js';
import { PrivateKeyError } from './openssh-private-key.js';
import { hostKeysData, proveHostKeys, proveRequest } from './prove.js';

const directory = mkdtempSync(join(tmpdir(), 'ssh-host-keys-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Returns the private key file, the blob and the fingerprint that ssh-keygen makes. */
function generate(name: string, ...args: readonly string[]) {
  const path = join(directory, name);
  execFileSync('ssh-keygen', ['-q', '-N', '', '-f', path, ...args]);
  const publicLine = readFileSync(`${path}.pub`, 'utf8');
  const fingerprint =
    execFileSync('ssh-keygen', ['-l', '-f', path], { encoding: 'utf8' }).split(' ')[1] ?? '';
  return {
    file: readFileSync(path, 'utf8'),
    blob: Buffer.from(publicLine.split(' ')[1] ?? '', 'base64'),
    fingerprint,
  };
}

const kinds: readonly (readonly [name: string, ...args: string[]])[] = [
  ['ed25519', '-t', 'ed25519'],
  ['ecdsa-256', '-t', 'ecdsa', '-b', '256'],
  ['ecdsa-384', '-t', 'ecdsa', '-b', '384'],
  ['ecdsa-521', '-t', 'ecdsa', '-b', '521'],
  ['rsa-2048', '-t', 'rsa', '-b', '2048'],
  ['rsa-3072', '-t', 'rsa', '-b', '3072'],
  ['pem-ecdsa', '-t', 'ecdsa', '-b', '256', '-m', 'PEM'],
  ['pem-rsa', '-t', 'rsa', '-b', '2048', '-m', 'PEM'],
  ['pkcs8-rsa', '-t', 'rsa', '-b', '2048', '-m', 'PKCS8'],
];

describe('host keys of ssh-keygen', () => {
  it.each(kinds)('%s is read with its public key and fingerprint, and signs', (name, ...args) => {
    const { file, blob, fingerprint } = generate(name, ...args);
    const key = parseHostKey(file);
    expect(key.publicBlob).toEqual(blob);
    expect(key.fingerprint).toBe(fingerprint);
    const algorithms = hostKeyAlgorithms.filter(({ keyType }) => keyType === key.type);
    expect(algorithms.length).toBe(key.type === 'ssh-rsa' ? 2 : 1);
    for (const algorithm of algorithms) {
      const data = Buffer.from('data');
      const signature = key.sign(algorithm, data);
      expect(checkSignature(parsePublicKey(blob), algorithm.name, data, signature).isValid).toBe(true);
    }
  });

  it('of ecdsa-521 sign with numbers of any length', () => {
    const key = hostKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey);
    const algorithm = hostKeyAlgorithms.find(({ keyType }) => keyType === key.type);
    if (algorithm === undefined) throw new Error('no algorithm');
    for (let count = 0; count < 50; count += 1) {
      const data = Buffer.from([count]);
      const signature = key.sign(algorithm, data);
      expect(checkSignature(parsePublicKey(key.publicBlob), algorithm.name, data, signature).isValid).toBe(
        true,
      );
    }
  });
});

describe('private key files that cannot be used', () => {
  it('are refused when they are encrypted', () => {
    const path = join(directory, 'encrypted');
    execFileSync('ssh-keygen', ['-q', '-N', 'secret', '-t', 'ed25519', '-f', path]);
    expect(() => parseHostKey(readFileSync(path, 'utf8'))).toThrow(
      'key is encrypted: remove the passphrase with ssh-keygen -p',
    );
  });

  it('are refused when RSA has fewer than 2048 bits', () => {
    const key = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    expect(() => hostKeyOf(key)).toThrow('RSA key has 1024 bits, expected at least 2048');
  });

  it('are refused when the type is not supported', () => {
    expect(() => hostKeyOf(generateKeyPairSync('ed448').privateKey)).toThrow(PrivateKeyError);
    expect(() => hostKeyOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey)).toThrow(
      PrivateKeyError,
    );
  });

  it('are refused when a byte is missing or changed', () => {
    const { file } = generate('damaged', '-t', 'ed25519');
    const lines = file.trimEnd().split('\n');
    const body = Buffer.from(lines.slice(1, -1).join(''), 'base64');
    const rebuilt = (bytes: Buffer) =>
      `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
    expect(() => parseHostKey(rebuilt(body.subarray(0, 60)))).toThrow(PrivateKeyError);
    const changed = Buffer.from(body);
    const checkAt = body.byteLength - 140;
    changed.fill(0xff, checkAt, checkAt + 20);
    expect(() => parseHostKey(rebuilt(changed))).toThrow(PrivateKeyError);
    expect(() => parseHostKey('no key')).toThrow(PrivateKeyError);
    expect(() => parseHostKey('')).toThrow(PrivateKeyError);
  });
});

describe('hostkeys-prove-00@openssh.com', () => {
  const keys = [
    hostKeyOf(generateKeyPairSync('ed25519').privateKey),
    hostKeyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
  ];
  const sessionId = Buffer.alloc(32, 5);
  const [negotiated] = hostKeyAlgorithms;
  if (negotiated === undefined) throw new Error('no algorithm');

  it('signs the session identifier with every key that is named', () => {
    const request = new WireReader(hostKeysData(keys));
    const answer = proveHostKeys(keys, sessionId, negotiated, request);
    if (answer === null) throw new Error('refused');
    const reader = new WireReader(answer);
    for (const [index, algorithm] of ['ssh-ed25519', 'rsa-sha2-512'].entries()) {
      const blob = keys[index]?.publicBlob ?? Buffer.alloc(0);
      const signed = new WireWriter().string(proveRequest).string(sessionId).string(blob).finish();
      expect(checkSignature(parsePublicKey(blob), algorithm, signed, reader.string()).isValid).toBe(true);
    }
    reader.end();
  });

  it('signs with the negotiated RSA algorithm', () => {
    const rsa256 = hostKeyAlgorithms.find(({ name }) => name === 'rsa-sha2-256');
    const rsa = keys[1];
    if (rsa256 === undefined || rsa === undefined) throw new Error('no key');
    const answer = proveHostKeys(keys, sessionId, rsa256, new WireReader(hostKeysData([rsa])));
    expect(new WireReader(new WireReader(answer ?? Buffer.alloc(0)).string()).name()).toBe('rsa-sha2-256');
  });

  it('refuses a key that is not ours, a key that is named twice, and an empty request', () => {
    const foreign = hostKeyOf(generateKeyPairSync('ed25519').privateKey);
    for (const named of [[foreign], [...keys, foreign], [...keys, ...keys], []]) {
      expect(proveHostKeys(keys, sessionId, negotiated, new WireReader(hostKeysData(named)))).toBeNull();
    }
  });

  it('finds the key for an algorithm', () => {
    expect(hostKeyFor(keys, negotiated)).toBe(keys[0]);
    const ecdsa = hostKeyAlgorithms.find(({ name }) => name === 'ecdsa-sha2-nistp256');
    expect(ecdsa && hostKeyFor(keys, ecdsa)).toBeNull();
  });
});

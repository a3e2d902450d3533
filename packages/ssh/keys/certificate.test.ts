import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeygenDirectory } from '../testing/ssh-keygen.js';
import { makeCertificate, makeUserKey, type TestCertificateFields } from '../testing/user-keys.js';
import { encodeString } from '../wire/writer.js';
import { maxCertificateBytes, parseCertificate } from './certificate.js';
import { type CertificateUse, checkCertificate, validBeforeMs } from './certificate-check.js';
import { KeyError } from './key-error.js';
import { keyTypes, type PublicKeyType } from './key-types.js';

const use: CertificateUse = { principals: ['alice'], address: '192.0.2.7', nowMs: Date.UTC(2026, 0, 1) };
const types = Object.keys(keyTypes) as PublicKeyType[];

describe.skipIf(!KeygenDirectory.isInstalled)('a certificate that ssh-keygen signed', () => {
  const directory = new KeygenDirectory();
  beforeAll(() => {
    directory.make('ca', 'ed25519');
    directory.make('ca-rsa', 'rsa', 2048);
    directory.make('ca-ecdsa', 'ecdsa', 384);
    directory.make('user', 'ed25519');
  });
  afterAll(() => directory.remove());

  function certify(ca: string, key: string, ...options: readonly string[]) {
    directory.run('-q', '-s', ca, '-I', 'alice@example', ...options, `${key}.pub`);
    return directory.blob(`${key}-cert.pub`);
  }

  it.each([
    ['ca', 'ed25519', undefined],
    ['ca', 'rsa', 2048],
    ['ca-rsa', 'ecdsa', 256],
    ['ca-rsa', 'ed25519', undefined],
    ['ca-ecdsa', 'ecdsa', 521],
    ['ca-ecdsa', 'ecdsa', 384],
  ])('with %s for a key of type %s %s is read and may be used', (ca, type, bits) => {
    const name = `${ca}-${type}-${bits}`;
    directory.make(name, type, bits);
    const certificate = parseCertificate(certify(ca, name, '-n', 'bob,alice', '-z', '18446744073709551615'));
    expect(certificate).toMatchObject({
      keyId: 'alice@example',
      serial: 2n ** 64n - 1n,
      principals: ['bob', 'alice'],
    });
    expect(certificate.key.blob).toEqual(directory.blob(`${name}.pub`));
    expect(certificate.signatureKey.blob).toEqual(directory.blob(`${ca}.pub`));
    expect(checkCertificate(certificate, use)).toEqual({
      terms: { touchOptional: false, verificationRequired: false },
      refusal: null,
    });
  });

  it.each([
    ['rsa-sha2-256', null],
    ['rsa-sha2-512', null],
    ['ssh-rsa', 'certificate with a CA signature of type "ssh-rsa"'],
  ])('with the CA algorithm %s is accepted or refused: %s', (algorithm, message) => {
    const blob = certify('ca-rsa', 'user', '-n', 'alice', '-t', algorithm);
    if (message === null) expect(parseCertificate(blob).keyId).toBe('alice@example');
    else expect(() => parseCertificate(blob)).toThrow(message);
  });

  it('has its validity in seconds', () => {
    const certificate = parseCertificate(
      certify('ca', 'user', '-n', 'alice', '-V', '20250101000000Z:20250201000000Z'),
    );
    expect(validBeforeMs(certificate)).toBe(Date.UTC(2025, 1, 1));
    const at = (nowMs: number) => checkCertificate(certificate, { ...use, nowMs }).refusal;
    expect(at(Date.UTC(2025, 0, 1) - 1)).toBe('the certificate is not valid yet');
    expect(at(Date.UTC(2025, 0, 1))).toBeNull();
    expect(at(Date.UTC(2025, 1, 1) - 1)).toBeNull();
    expect(at(Date.UTC(2025, 1, 1))).toBe('the certificate has expired');
  });

  it('without an end does not expire', () => {
    const certificate = parseCertificate(certify('ca', 'user', '-n', 'alice'));
    expect(validBeforeMs(certificate)).toBe(Number.POSITIVE_INFINITY);
  });

  it('with source-address may be used from its networks only', () => {
    const blob = certify('ca', 'user', '-n', 'alice', '-O', 'source-address=192.0.2.0/24,2001:db8::/32');
    const from = (address: string) => checkCertificate(parseCertificate(blob), { ...use, address }).refusal;
    expect(from('192.0.2.200')).toBeNull();
    expect(from('::ffff:192.0.2.200')).toBeNull();
    expect(from('2001:db8::7')).toBeNull();
    expect(from('192.0.3.1')).toBe('the certificate is not valid from this address');
    expect(from('')).toBe('the certificate is not valid from this address');
  });

  it('with verify-required and no-touch-required has these terms', () => {
    const blob = certify('ca', 'user', '-n', 'alice', '-O', 'verify-required', '-O', 'no-touch-required');
    expect(checkCertificate(parseCertificate(blob), use).terms).toEqual({
      touchOptional: true,
      verificationRequired: true,
    });
  });

  it('with force-command may be used for internal-sftp only', () => {
    const forced = (command: string) =>
      checkCertificate(
        parseCertificate(certify('ca', 'user', '-n', 'alice', '-O', `force-command=${command}`)),
        use,
      );
    expect(forced('internal-sftp').refusal).toBeNull();
    expect(forced('/bin/sh').refusal).toBe('the certificate forces a command other than internal-sftp');
  });

  it('with an unknown critical option is refused, with an unknown extension accepted', () => {
    const critical = certify('ca', 'user', '-n', 'alice', '-O', 'critical:hold@example.com=1');
    expect(checkCertificate(parseCertificate(critical), use).refusal).toBe(
      'the certificate has the unknown critical option "hold@example.com"',
    );
    const extension = certify('ca', 'user', '-n', 'alice', '-O', 'extension:hold@example.com=1');
    expect(checkCertificate(parseCertificate(extension), use).refusal).toBeNull();
  });

  it('without principals, or with those of other users, is refused', () => {
    const others = parseCertificate(certify('ca', 'user', '-n', 'bob,Alice,alice2'));
    expect(checkCertificate(others, use).refusal).toBe('the certificate does not have an accepted principal');
    expect(checkCertificate(others, { ...use, principals: ['x', 'bob'] }).refusal).toBeNull();
    const everyone = parseCertificate(certify('ca', 'user'));
    expect(checkCertificate(everyone, use).refusal).toBe('the certificate has no principals');
  });

  it('for a host is refused', () => {
    const blob = certify('ca', 'user', '-h', '-n', 'alice');
    expect(() => parseCertificate(blob)).toThrow('the certificate is not for a user');
  });

  it('is refused with any byte changed', () => {
    const blob = certify('ca', 'user', '-n', 'alice');
    for (let at = 0; at < blob.length; at++) {
      const damaged = Buffer.from(blob);
      damaged[at] = (damaged[at] ?? 0) ^ 0x01;
      expect(() => parseCertificate(damaged), `byte ${at}`).toThrow(KeyError);
    }
  });
});

describe('a certificate', () => {
  const ca = makeUserKey('ssh-ed25519');
  const key = makeUserKey('ssh-ed25519');

  it.each(types)('for a key of type %s is read', (type) => {
    const certified = makeUserKey(type);
    const certificate = parseCertificate(makeCertificate(certified, ca));
    expect(certificate.key.blob).toEqual(certified.blob);
  });

  it.each(types)('of a CA with a key of type %s is read, and refused with a wrong signature', (type) => {
    const authority = makeUserKey(type);
    expect(parseCertificate(makeCertificate(key, authority)).signatureKey.type).toBe(type);
    const other = makeCertificate(key, { ...authority, blob: makeUserKey(type).blob });
    expect(() => parseCertificate(other)).toThrow('certificate with a wrong CA signature');
  });

  const text = encodeString;
  it.each<[string, TestCertificateFields, string]>([
    ['of a CA that has a certificate', { signatureKey: makeCertificate(ca, ca) }, 'are not accepted'],
    ['of a CA with a weak key', { signatureKey: makeUserKey('ssh-rsa', 1024).blob }, 'RSA key of 1024 bits'],
    ['with 257 principals', { principals: Array(257).fill('alice') }, 'more than 256 principals'],
    ['with repeated options', { extensions: Array(2).fill(['a', text('')]) }, 'extensions repeat a name'],
    [
      'with 65 options',
      { criticalOptions: Array.from({ length: 65 }, (_, at) => [`${at}`, text('')] as const) },
      'more than 64 critical options',
    ],
    [
      'with a CA signature that has the name of a certificate algorithm',
      { caAlgorithm: 'ssh-ed25519-cert-v01@openssh.com' },
      'certificate with a CA signature of type',
    ],
    ['of another type', { type: 3 }, 'the certificate is not for a user'],
  ])('%s is refused', (_name, fields, message) => {
    expect(() => parseCertificate(makeCertificate(key, ca, fields))).toThrow(message);
  });

  it('with bytes behind its signature is refused', () => {
    const blob = Buffer.concat([makeCertificate(key, ca), Buffer.of(0)]);
    expect(() => parseCertificate(blob)).toThrow('1 bytes after the end');
  });

  it('of more than 64 KiB is refused before it is read', () => {
    expect(() => parseCertificate(Buffer.alloc(maxCertificateBytes + 1))).toThrow('more than 65536 bytes');
  });

  it('with a weak RSA key is refused', () => {
    expect(() => parseCertificate(makeCertificate(makeUserKey('ssh-rsa', 1024), ca))).toThrow(
      'RSA key of 1024 bits',
    );
  });

  it.each([
    ['source-address', Buffer.alloc(0), 'malformed data in source-address'],
    ['source-address', text('10.0.0.1/8'), 'malformed data in source-address'],
    [
      'source-address',
      Buffer.concat([text('192.0.2.0/24'), Buffer.of(0)]),
      'malformed data in source-address',
    ],
    ['force-command', Buffer.of(0, 0, 0, 9), 'malformed data in force-command'],
    ['verify-required', text('x'), 'malformed data in verify-required'],
  ])('with the critical option %s and the data %j is refused', (name, data, refusal) => {
    const certificate = parseCertificate(makeCertificate(key, ca, { criticalOptions: [[name, data]] }));
    expect(checkCertificate(certificate, use).refusal).toContain(refusal);
  });

  it('with an empty principal does not match a user without a name', () => {
    const certificate = parseCertificate(makeCertificate(key, ca, { principals: [''] }));
    expect(checkCertificate(certificate, { ...use, principals: [''] }).refusal).not.toBeNull();
  });

  it('is usable only during its validity', () => {
    const time = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const near = fc.bigInt({ min: 1_000n, max: 1_010n });
    fc.assert(
      fc.property(
        fc.oneof(time, near),
        fc.oneof(time, near),
        fc.integer({ min: 1_000, max: 1_010 }),
        (from, to, now) => {
          const certificate = parseCertificate(
            makeCertificate(key, ca, { validAfter: from, validBefore: to }),
          );
          const { refusal } = checkCertificate(certificate, { ...use, nowMs: now * 1000 + 999 });
          expect(refusal === null).toBe(from <= BigInt(now) && BigInt(now) < to);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('throws nothing but a KeyError on arbitrary and damaged bytes', () => {
    const sound = makeCertificate(key, ca, { criticalOptions: [['source-address', text('::/0')]] });
    const damaged = fc
      .tuple(fc.nat(sound.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.nat(8))
      .map(([at, bytes, removed]) =>
        Buffer.concat([sound.subarray(0, at), bytes, sound.subarray(at + removed)]),
      );
    const named = fc
      .tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 400 }))
      .map(([type, rest]) => Buffer.concat([text(keyTypes[type].certificateType), rest]));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), damaged, named), (blob) => {
        if (sound.equals(blob)) return;
        try {
          checkCertificate(parseCertificate(blob), use);
          expect.unreachable();
        } catch (error) {
          expect(error).toBeInstanceOf(KeyError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

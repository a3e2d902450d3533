import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeygenDirectory } from '../testing/ssh-keygen.js';
import { makeCertificate, makeUserKey } from '../testing/user-keys.js';
import { WireWriter } from '../wire/writer.js';
import { type Certificate, parseCertificate } from './certificate.js';
import { KeyError } from './key-error.js';
import { parseRevocationList } from './parse-revocation-list.js';
import { parsePublicKey } from './public-key.js';
import { SerialSet } from './serial-set.js';

const ca = makeUserKey('ssh-ed25519');
const user = makeUserKey('ecdsa-sha2-nistp256');

function certificate(serial: bigint, keyId = 'id', authority = ca): Certificate {
  return parseCertificate(makeCertificate(user, authority, { serial, keyId }));
}

describe.skipIf(!KeygenDirectory.isInstalled)('a KRL of ssh-keygen', () => {
  const directory = new KeygenDirectory();
  const names = ['a', 'b', 'c', 'd'];
  beforeAll(() => {
    directory.make('ca', 'ed25519');
    directory.make('other-ca', 'rsa', 2048);
    for (const [index, name] of names.entries()) {
      directory.make(name, index % 2 === 0 ? 'ed25519' : 'ecdsa');
      directory.run('-q', '-s', 'ca', '-I', `id-${name}`, '-n', 'alice', '-z', `${index + 1}`, `${name}.pub`);
    }
  });
  afterAll(() => directory.remove());

  const key = (name: string) => parsePublicKey(directory.blob(`${name}.pub`));
  const cert = (name: string) => parseCertificate(directory.blob(`${name}-cert.pub`));

  function krl(spec: string | null, ...args: readonly string[]) {
    if (spec !== null) writeFileSync(join(directory.path, 'spec'), spec);
    directory.run('-q', '-k', '-f', 'krl', ...args, ...(spec === null ? [] : ['spec']));
    return parseRevocationList(directory.bytes('krl'));
  }

  /** The names whose key and whose certificate the list revokes, as ssh-keygen -Q answers it. */
  function query(suffix: string) {
    return names.filter((name) => {
      try {
        directory.run('-Q', '-f', 'krl', `${name}${suffix}.pub`);
        return false;
      } catch {
        return true;
      }
    });
  }

  it.each([
    ['serial: 1\nserial: 3', ['-s', 'ca.pub'], [], ['a', 'c']],
    ['serial: 2-3', ['-s', 'ca.pub'], [], ['b', 'c']],
    ['serial: 1-18446744073709551615', ['-s', 'ca.pub'], [], names],
    ['serial: 1-4', ['-s', 'other-ca.pub'], [], []],
    ['id: id-b\nid: id-z', ['-s', 'ca.pub'], [], ['b']],
    ['id: id-b\nserial: 4', ['-s', 'none'], [], ['b', 'd']],
    [
      Array.from({ length: 40 }, (_, at) => `serial: ${at * 2 + 2}`).join('\n'),
      ['-s', 'ca.pub'],
      [],
      ['b', 'd'],
    ],
  ])(
    'with the lines %j for the CA %j revokes the keys %j and the certificates %j',
    (spec, args, keys, certificates) => {
      const list = krl(spec, ...args);
      expect(names.filter((name) => list.revokes(key(name)))).toEqual(keys);
      expect(names.filter((name) => list.revokes(cert(name)))).toEqual(certificates);
      expect(query('')).toEqual(keys);
      expect(query('-cert')).toEqual(certificates);
    },
  );

  it('revokes explicit keys, hashes and what they certify', () => {
    const sha256 = `hash: ${key('b').fingerprint}`;
    const list = krl(
      `key: ${directory.text('a.pub').trim()}\n${sha256}\nsha1: ${directory.text('c.pub').trim()}`,
    );
    expect(names.filter((name) => list.revokes(key(name)))).toEqual(['a', 'b', 'c']);
    expect(names.filter((name) => list.revokes(cert(name)))).toEqual(['a', 'b', 'c']);
    expect(query('')).toEqual(['a', 'b', 'c']);
  });

  it('of a CA key revokes every certificate of it', () => {
    const list = krl(null, 'ca.pub');
    expect(names.every((name) => list.revokes(cert(name)))).toBe(true);
    expect(list.revokes(key('a'))).toBe(false);
  });

  it('of a certificate revokes it by its serial', () => {
    const list = krl(null, '-s', 'ca.pub', 'd-cert.pub');
    expect(names.filter((name) => list.revokes(cert(name)))).toEqual(['d']);
  });

  it('that is empty revokes nothing', () => {
    expect(names.some((name) => krl('').revokes(cert(name)))).toBe(false);
  });

  it('is refused when it is cut off', () => {
    krl(`serial: 1-9\nid: x\nkey: ${directory.text('a.pub')}`, '-s', 'ca.pub');
    const bytes = directory.bytes('krl');
    const sections = bytes.length;
    // The header without a section is an empty list; a cut inside anything is refused.
    const accepted: number[] = [];
    for (let length = 8; length < sections; length++) {
      try {
        parseRevocationList(bytes.subarray(0, length));
        accepted.push(length);
      } catch (error) {
        expect(error).toBeInstanceOf(KeyError);
      }
    }
    expect(accepted.length).toBeLessThanOrEqual(3);
  });
});

/** Builds a KRL by hand. */
function buildKrl(...sections: readonly (readonly [number, Uint8Array])[]): Buffer {
  const writer = new WireWriter().raw(Buffer.from('SSHKRL\n\0', 'latin1')).u32(1).u64(1n).u64(0n).u64(0n);
  writer.string('').string('a comment');
  for (const [type, body] of sections) writer.u8(type).string(body);
  return writer.finish();
}

function ofCa(blob: Uint8Array, ...sections: readonly (readonly [number, Uint8Array])[]): Buffer {
  const writer = new WireWriter().string(blob).string('');
  for (const [type, body] of sections) writer.u8(type).string(body);
  return writer.finish();
}

const extension = (isCritical: boolean) =>
  new WireWriter().string('x@example.com').boolean(isCritical).string('content').finish();
const range = (first: bigint, last: bigint) => new WireWriter().u64(first).u64(last).finish();

describe('a KRL', () => {
  it('with a bitmap revokes the serials of its bits', () => {
    const bitmap = new WireWriter().u64(1000n).mpint(Buffer.from('800000000000000001', 'hex')).finish();
    const list = parseRevocationList(buildKrl([1, ofCa(ca.blob, [0x22, bitmap])]));
    const revoked = [999n, 1000n, 1001n, 1070n, 1071n, 1072n, 5000n].filter((serial) =>
      list.revokes(certificate(serial)),
    );
    expect(revoked).toEqual([1000n, 1071n]);
  });

  it('never revokes serial 0, which means no serial', () => {
    const list = parseRevocationList(buildKrl([1, ofCa(Buffer.alloc(0), [0x21, range(0n, 9n)])]));
    expect(list.revokes(certificate(0n))).toBe(false);
    expect(list.revokes(certificate(9n))).toBe(true);
  });

  it('for every CA revokes serials and ids of any', () => {
    const ids = new WireWriter().string('id-1').finish();
    const list = parseRevocationList(buildKrl([1, ofCa(Buffer.alloc(0), [0x23, ids])]));
    expect(list.revokes(certificate(1n, 'id-1'))).toBe(true);
    expect(list.revokes(certificate(1n, 'id-1', makeUserKey('ssh-rsa')))).toBe(true);
    expect(list.revokes(certificate(1n, 'id-2'))).toBe(false);
  });

  it('skips extensions that are not critical', () => {
    const bytes = buildKrl(
      [255, extension(false)],
      [1, ofCa(ca.blob, [0x39, extension(false)], [0x21, range(1n, 1n)])],
    );
    expect(parseRevocationList(bytes).revokes(certificate(1n))).toBe(true);
  });

  it.each([
    ['a critical extension', buildKrl([255, extension(true)])],
    ['a critical extension for certificates', buildKrl([1, ofCa(ca.blob, [0x39, extension(true)])])],
    ['a signature', buildKrl([4, ca.blob])],
    ['an unknown section', buildKrl([77, Buffer.alloc(0)])],
    ['an unknown section for certificates', buildKrl([1, ofCa(ca.blob, [0x50, Buffer.alloc(0)])])],
    ['a hash of the wrong size', buildKrl([5, new WireWriter().string(Buffer.alloc(20)).finish()])],
    ['a range that ends before it starts', buildKrl([1, ofCa(ca.blob, [0x21, range(2n, 1n)])])],
    ['bytes behind a range', buildKrl([1, ofCa(ca.blob, [0x21, Buffer.alloc(17)])])],
    ['a certificate as CA key', buildKrl([1, ofCa(makeCertificate(ca, ca))])],
    [
      'another format version',
      Buffer.concat([Buffer.from('SSHKRL\n\0\0\0\0\u0002', 'latin1'), Buffer.alloc(40)]),
    ],
  ])('with %s is refused', (_name, bytes) => {
    expect(() => parseRevocationList(bytes)).toThrow(KeyError);
  });

  it('throws nothing but a KeyError on damaged bytes', () => {
    const ids = new WireWriter().string('id').finish();
    const sound = buildKrl(
      [1, ofCa(ca.blob, [0x20, Buffer.alloc(16, 1)], [0x21, range(5n, 9n)], [0x23, ids])],
      [2, new WireWriter().string(user.blob).finish()],
    );
    const damage = fc.tuple(
      fc.nat(sound.length - 1),
      fc.uint8Array({ minLength: 1, maxLength: 6 }),
      fc.nat(6),
    );
    const subject = certificate(7n);
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (edits) => {
        let bytes: Buffer = sound;
        for (const [at, inserted, removed] of edits) {
          bytes = Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);
        }
        try {
          expect(parseRevocationList(bytes).revokes(subject)).toBeTypeOf('boolean');
        } catch (error) {
          expect(error).toBeInstanceOf(KeyError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

describe('a set of serials', () => {
  it('agrees with a plain set', () => {
    const small = fc.bigInt({ min: 0n, max: 60n });
    const item = fc.oneof(
      fc
        .tuple(small, small)
        .map(([a, b]) => ({ kind: 'range' as const, first: a < b ? a : b, last: a < b ? b : a })),
      fc
        .tuple(small, fc.uint8Array({ maxLength: 5 }))
        .map(([offset, bits]) => ({ kind: 'bitmap' as const, offset, bits })),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 6 }), fc.array(item, { maxLength: 3 }), (items, later) => {
        const set = new SerialSet();
        const expected = new Set<bigint>();
        for (const batch of [items, later]) {
          for (const entry of batch) {
            if (entry.kind === 'range') {
              set.addRange(entry.first, entry.last);
              for (let serial = entry.first; serial <= entry.last; serial++) expected.add(serial);
            } else {
              set.addBitmap(entry.offset, entry.bits);
              const number = BigInt(`0x0${Buffer.from(entry.bits).toString('hex')}`);
              for (let bit = 0n; bit < 40n; bit++) if ((number >> bit) & 1n) expected.add(entry.offset + bit);
            }
          }
          for (let serial = 0n; serial < 110n; serial++) expect(set.has(serial)).toBe(expected.has(serial));
        }
      }),
    );
  });
});

describe('a plain revocation list', () => {
  const other = makeUserKey('ssh-rsa');
  const line = (type: string, blob: Buffer) => `${type} ${blob.toString('base64')} comment`;
  const list = (text: string) => parseRevocationList(Buffer.from(text));

  it('revokes its keys, and certificates for them and by them', () => {
    const revoked = list(`# old keys\r\n\r\n  ${line(user.type, user.blob)}\r\n`);
    expect(revoked.revokes(parsePublicKey(user.blob))).toBe(true);
    expect(revoked.revokes(parsePublicKey(other.blob))).toBe(false);
    expect(revoked.revokes(certificate(5n))).toBe(true);
    expect(list(line(ca.type, ca.blob)).revokes(certificate(5n))).toBe(true);
    expect(list(line(other.type, other.blob)).revokes(certificate(5n))).toBe(false);
  });

  it('revokes the key of a certificate', () => {
    const blob = makeCertificate(user, ca);
    const revoked = list(line('ecdsa-sha2-nistp256-cert-v01@openssh.com', blob));
    expect(revoked.revokes(parsePublicKey(user.blob))).toBe(true);
    expect(revoked.revokes(parsePublicKey(ca.blob))).toBe(false);
  });

  it('revokes the keys with its fingerprints', () => {
    const { fingerprint } = parsePublicKey(other.blob);
    expect(list(`${fingerprint} lost laptop`).revokes(parsePublicKey(other.blob))).toBe(true);
    expect(list(fingerprint).revokes(parsePublicKey(user.blob))).toBe(false);
  });

  it('that is empty revokes nothing', () => {
    expect(list('\n# nothing\n').revokes(parsePublicKey(user.blob))).toBe(false);
  });

  it('with a line that cannot be read is refused, with the number of the line', () => {
    expect(() => list('# x\nssh-ed25519 AAAA')).toThrow(
      'revocation list, line 2: the text is not a ssh-ed25519 key',
    );
    expect(() => list('SHA256:short')).toThrow('revocation list, line 1: not a public key');
  });

  it('throws nothing but a KeyError on arbitrary text', () => {
    const start = fc.constantFrom(
      '',
      'ssh-ed25519 ',
      'SHA256:',
      'ssh-rsa AAAAB3NzaC1yc2E',
      'x-cert-v01@openssh.com ',
    );
    fc.assert(
      fc.property(start, fc.string({ unit: 'binary' }), (prefix, text) => {
        try {
          list(prefix + text);
        } catch (error) {
          expect(error).toBeInstanceOf(KeyError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { base32 } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxWrongCodes, TotpCodes, TotpSecret, totpUri } from './totp.js';

const seed = Buffer.from('12345678901234567890');
const secret = TotpSecret.parse(base32.encode(seed));
const stepMs = 30_000;

/** RFC 6238 appendix B: the last six of eight digits, for SHA-1. */
const vectors: readonly (readonly [seconds: number, code: string])[] = [
  [59, '287082'],
  [1111111109, '081804'],
  [1111111111, '050471'],
  [1234567890, '005924'],
  [2000000000, '279037'],
  [20000000000, '353130'],
];

describe('a TOTP secret', () => {
  it.each(vectors)('has the code of RFC 6238 at %d s', (seconds, code) => {
    expect(secret.codeAt(seconds * 1000)).toBe(code);
    expect(secret.stepOf(code, seconds * 1000)).toBe(Math.floor(seconds / 30));
  });

  it('accepts the codes of the steps before and after, and no other', () => {
    const nowMs = 1111111109_000;
    const step = Math.floor(nowMs / stepMs);
    const distances = [-3, -2, -1, 0, 1, 2, 3];
    const accepted = distances.filter(
      (one) => secret.stepOf(secret.codeAt(nowMs + one * stepMs), nowMs) !== null,
    );
    expect(accepted).toEqual([-1, 0, 1]);
    expect(secret.stepOf(secret.codeAt(nowMs + stepMs), nowMs)).toBe(step + 1);
  });

  it('ignores blanks in a code, and refuses other text', () => {
    const nowMs = 59_000;
    expect(secret.stepOf(' 287 082\n', nowMs)).toBe(1);
    for (const wrong of [
      '',
      '28708',
      '2870820',
      '94287082',
      'abcdef',
      '287083',
      '２８７０８２',
      '\0'.repeat(6),
    ]) {
      expect(secret.stepOf(wrong, nowMs), wrong).toBeNull();
    }
  });

  it('is read from base32 in every usual form', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 64 }), (bytes) => {
        const text = base32.encode(bytes);
        const bare = text.replace(/=+$/, '');
        const forms = [text, bare, bare.toLowerCase(), `${bare.replace(/(.{4})/g, '$1 ')}\n`];
        for (const form of forms) expect(TotpSecret.parse(form).reveal()).toBe(bare);
      }),
    );
  });

  it('has 16 to 64 bytes', () => {
    const read = (bytes: number) => TotpSecret.parse(base32.encode(Buffer.alloc(bytes, 7))).reveal();
    for (const bytes of [16, 64]) expect(read(bytes)).toHaveLength(Math.ceil((8 * bytes) / 5));
    for (const bytes of [15, 65])
      expect(() => read(bytes)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  });

  it('has codes also at the beginning of the time', () => {
    expect(secret.stepOf(secret.codeAt(0), 0)).toBe(0);
    expect(secret.stepOf(secret.codeAt(stepMs), 0)).toBe(1);
  });

  it.each(['', 'JBSWY3DPEHPK3PXP', '1'.repeat(32), 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ!', 'A'.repeat(200)])(
    'refuses %j without repeating it',
    (text) => {
      const read = () => TotpSecret.parse(text);
      expect(read).toThrow(/TOTP secret/);
      try {
        read();
      } catch (error) {
        if (text !== '') expect(inspect(error)).not.toContain(text);
      }
    },
  );

  it('is not shown by any way of printing it', () => {
    const canary = TotpSecret.generate({ bytes: (length) => randomBytes(length), id: () => 'id' });
    const text = canary.reveal();
    const shown = [
      String(canary),
      JSON.stringify({ canary }),
      inspect(canary),
      inspect({ canary }, { showHidden: true }),
    ];
    for (const one of shown) expect(one).not.toContain(text);
    expect(shown.slice(0, 3)).toEqual(['TotpSecret', '{"canary":"TotpSecret"}', 'TotpSecret']);
    expect(text).toMatch(/^[A-Z2-7]{32}$/);
  });

  it('has a URI for authenticator apps', () => {
    expect(totpUri(secret, 'bob', 'sftp.example.com')).toBe(
      'otpauth://totp/sftpgw:bob%40sftp.example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=sftpgw&algorithm=SHA1&digits=6&period=30',
    );
  });
});

describe('the codes of a user', () => {
  const nowMs = 1111111109_000;
  const code = (distance: number): string => secret.codeAt(nowMs + distance * stepMs);

  it('are accepted once, and none before an accepted one', () => {
    const codes = new TotpCodes();
    expect(codes.accept('bob', secret, code(0), nowMs)).toBe(true);
    expect(codes.accept('bob', secret, code(0), nowMs)).toBe(false);
    expect(codes.accept('bob', secret, code(-1), nowMs)).toBe(false);
    expect(codes.accept('alice', secret, code(0), nowMs)).toBe(true);
    expect(codes.accept('bob', secret, code(1), nowMs)).toBe(true);
    expect(codes.accept('bob', secret, code(1), nowMs + stepMs)).toBe(false);
    expect(codes.accept('bob', secret, code(2), nowMs + stepMs)).toBe(true);
  });

  it(`are not checked after ${maxWrongCodes} wrong ones in one step`, () => {
    const codes = new TotpCodes();
    for (let attempt = 0; attempt < maxWrongCodes; attempt++) {
      expect(codes.accept('bob', secret, '000000', nowMs)).toBe(false);
    }
    expect(codes.accept('bob', secret, code(0), nowMs)).toBe(false);
    expect(codes.accept('alice', secret, code(0), nowMs)).toBe(true);
    expect(codes.accept('bob', secret, code(1), nowMs + stepMs)).toBe(true);
  });

  it('are accepted once by processes that share them, and are guessed as little as in one', () => {
    const [one, other] = [new TotpCodes(), new TotpCodes()];
    one.share((...change) => other.learn(...change));
    other.share((...change) => one.learn(...change));
    expect(one.accept('bob', secret, code(0), nowMs)).toBe(true);
    expect(other.accept('bob', secret, code(0), nowMs)).toBe(false);
    expect(other.accept('bob', secret, code(1), nowMs)).toBe(true);
    expect(one.accept('bob', secret, code(1), nowMs)).toBe(false);
    for (let attempt = 0; attempt < maxWrongCodes; attempt++) {
      expect((attempt % 2 === 0 ? one : other).accept('alice', secret, '000000', nowMs)).toBe(false);
    }
    expect([one, other].map((codes) => codes.accept('alice', secret, code(0), nowMs))).toEqual([
      false,
      false,
    ]);
  });
});

import { createHash, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CustomerKey, parseKeyFingerprint } from './customer-key.js';
import { accessFor, noKey } from './encryption.js';

const raw = randomBytes(32);
const key = CustomerKey.fromBytes(raw);
const invalid = expect.objectContaining({ kind: 'invalid' });

describe('a customer key', () => {
  it('prints nothing but its fingerprint, however it is printed', () => {
    const secrets = [raw.toString('base64'), raw.toString('hex'), raw.toString('latin1'), [...raw].join(',')];
    const printed = [`${key}`, JSON.stringify({ key }), inspect({ key }, { depth: 9, showHidden: true })];
    for (const text of printed) {
      expect(text).toContain(`CustomerKey(${key.fingerprint})`);
      for (const secret of secrets) expect(text).not.toContain(secret);
    }
  });

  it('has the fingerprint of its bytes, and the MD5 that S3 echoes', () => {
    const fingerprint = createHash('sha256').update('sftpgw customer key fingerprint v1\0').update(raw);
    expect(key.fingerprint).toBe(fingerprint.digest('hex').slice(0, 32));
    expect(parseKeyFingerprint(key.fingerprint)).toBe(key.fingerprint);
    expect(key.md5Base64).toBe(createHash('md5').update(raw).digest('base64'));
  });

  it('keeps a copy of the bytes and gives copies away', () => {
    const source = Uint8Array.from(raw);
    const copied = CustomerKey.fromBytes(source);
    source.fill(0);
    copied.reveal().fill(0);
    expect(Buffer.from(copied.reveal()).equals(raw)).toBe(true);
  });

  it('equals only a key with the same bytes', () => {
    expect(key.equals(CustomerKey.fromBytes(raw))).toBe(true);
    const other = Uint8Array.from(raw);
    other[31] = (other[31] ?? 0) ^ 1;
    expect(key.equals(CustomerKey.fromBytes(other))).toBe(false);
  });

  it.each([0, 16, 31, 33, 64])('refuses %d bytes, raw and as base64', (length) => {
    const bytes = new Uint8Array(length);
    expect(() => CustomerKey.fromBytes(bytes)).toThrow(invalid);
    expect(() => CustomerKey.fromBase64(Buffer.from(bytes).toString('base64'))).toThrow(invalid);
  });

  it('reads base64 with white space around it', () => {
    const text = raw.toString('base64');
    for (const spelled of [text, `${text}\n`, `  ${text}\r\n`]) {
      expect(CustomerKey.fromBase64(spelled).equals(key)).toBe(true);
    }
  });

  it('refuses other text without repeating it', () => {
    const text = Buffer.alloc(32, 1).toString('base64');
    const bad = [
      text.slice(0, -1),
      text.replace('=', ''),
      `${text}====`,
      `${text.slice(0, 20)} ${text.slice(20)}`,
      `${text.slice(0, 40)}-_E=`,
      `!${text}`,
      `${text}!`,
      `A${text.slice(1)}\u00e9AAA`,
      raw.toString('hex').slice(0, 43),
    ];
    for (const spelled of bad) {
      let thrown: unknown = null;
      try {
        CustomerKey.fromBase64(spelled);
      } catch (error) {
        thrown = error;
      }
      expect(thrown, spelled).toMatchObject({ kind: 'invalid' });
      expect(String(thrown)).not.toContain(spelled.slice(0, 12));
    }
  });
});

it.each(['', 'x'.repeat(32), 'a'.repeat(31), 'a'.repeat(33), 'A'.repeat(32), ` ${'a'.repeat(32)}`])(
  'refuses %j as a fingerprint',
  (text) => expect(() => parseKeyFingerprint(text)).toThrow(invalid),
);

it('opens an object with the key of its writer, and others without one', () => {
  expect(accessFor({ kind: 'sse-c', key })).toEqual({ kind: 'sse-c', key });
  for (const kind of ['sse-s3', 'bucket-default'] as const) expect(accessFor({ kind })).toBe(noKey);
  expect(accessFor({ kind: 'sse-kms', keyArn: 'arn' })).toEqual({ kind: 'no-key' });
});

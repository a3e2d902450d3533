import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseKeyMaterial } from '../../operations/key-material.js';
import {
  parseAcl,
  parseBucketAnswer,
  parseEncryptionAnswer,
  parseEndpoint,
  parseKmsKeyAnswer,
  parseListenAddress,
  parsePassword,
  parsePrefix,
  parseRegion,
  readAnswerFile,
} from './answers.js';
import { fakeShell } from './testing/fake-shell.js';

const base64 = 'fS9LLRGAy8twrmcPSjhT9d0IhWPq4mhY93dFD5uaMEs=';
const raw = Buffer.from(base64, 'base64');

describe('an AES-256 key', () => {
  it.each([
    ['base64 with a line end', Buffer.from(`${base64}\n`)],
    ['base64 with a Windows line end and blanks', Buffer.from(`  ${base64}\r\n`)],
    ['base64 bare', Buffer.from(base64)],
    ['32 raw bytes', raw],
    ['hexadecimal', Buffer.from(raw.toString('hex'))],
    ['hexadecimal in capitals with a line end', Buffer.from(`${raw.toString('hex').toUpperCase()}\n`)],
  ])('may be %s', (_, content) => {
    expect(Buffer.from(parseKeyMaterial(content, 'k').reveal())).toEqual(raw);
  });

  it.each([
    ['31 raw bytes', raw.subarray(0, 31), /k: it has 31 bytes that are not text/],
    ['33 raw bytes', Buffer.concat([raw, Buffer.of(10)]), /k: it has 33 bytes, the last a line feed/],
    ['base64 of 31 bytes', Buffer.from(raw.subarray(0, 31).toString('base64')), /k: .*decodes to 31 bytes/],
    ['base64 of 33 bytes', Buffer.from(Buffer.alloc(33, 7).toString('base64')), /k: .*decodes to 33 bytes/],
    ['a passphrase', Buffer.from('correct horse battery staple, and more of it'), /k: .*not base64/],
    ['nothing', Buffer.alloc(0), /k: it is empty/],
    ['a line end', Buffer.from('\n'), /k: it holds only white space/],
    ['44 bytes that are not text', Buffer.alloc(44, 200), /k: it has 44 bytes that are not text/],
    ['hexadecimal of 16 bytes and more', Buffer.from('ab'.repeat(20)), /k: /],
    ['a sealed file', Buffer.from('age-encryption.org/v1\n-> X25519'), /decrypt it first/],
    ['a PEM file', Buffer.from('-----BEGIN PRIVATE KEY-----\n'), /a PEM block/],
  ])('is never %s, and the reason is said', (_, content, reason) => {
    expect(() => parseKeyMaterial(content, 'k')).toThrow(reason);
  });

  it('is accepted with any bytes, and a refusal never repeats the content', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 48 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        if (bytes.byteLength === 32) {
          expect(parseKeyMaterial(Buffer.from(text), 'k').equals(parseKeyMaterial(bytes, 'k'))).toBe(true);
          return;
        }
        // 44 characters can stand for 31 or 33 bytes no more than 32 characters can stand for a raw
        // key's text.
        if (text.length === 32) return;
        let printed = '';
        try {
          parseKeyMaterial(Buffer.from(text), 'k');
        } catch (thrown) {
          printed = String(thrown);
        }
        expect(printed).toContain('invalid');
        if (text.length >= 8) expect(printed).not.toContain(text);
      }),
    );
  });
});

describe('a file that answers', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sftpgw-answers-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'here'), 'x');
  writeFileSync(join(directory, 'huge'), Buffer.alloc(100_000));

  it('is relative to the working directory, and stdin is "-"', async () => {
    const shell = fakeShell({ workingDirectory: directory, input: 'from stdin' });
    expect((await readAnswerFile(shell, 'here')).toString()).toBe('x');
    expect((await readAnswerFile(shell, '-')).toString()).toBe('from stdin');
  });

  it.each([
    ['missing', 'not-found', /there is no .*missing/],
    ['huge', 'invalid', /100000 bytes/],
    ['.', 'is-directory', /is a directory/],
  ])('that is %s is refused by name', async (name, kind, reason) => {
    const reading = readAnswerFile(fakeShell({ workingDirectory: directory }), name);
    await expect(reading).rejects.toMatchObject({ kind });
    await expect(reading).rejects.toThrow(reason);
  });
});

it.each([
  ['my-bucket', 'my-bucket'],
  [' files.example.com ', 'files.example.com'],
])('takes the bucket name %j', (text, name) => expect(parseBucketAnswer(text)).toBe(name));

it.each(['ab', 'a..b', '-ab', 's3://files', 'a/b', ''])('refuses the bucket name %j', (text) =>
  expect(() => parseBucketAnswer(text)).toThrow(/the bucket must be/),
);

it.each([
  ['bob/in', 'bob/in/'],
  ['/bob/in/', 'bob/in/'],
  ['données', 'données/'],
])('takes the prefix %j as %j', (text, prefix) => expect(parsePrefix(text)).toBe(prefix));

it('takes "/" as the whole bucket', () => {
  expect([parsePrefix('/'), parsePrefix(' // ')]).toEqual(['', '']);
});

it.each(['', ' ', 'a/../b', './a', 'a//b', 'a\u0007b', 'x'.repeat(800)])('refuses the prefix %j', (text) =>
  expect(() => parsePrefix(text)).toThrow(/the prefix/),
);

it.each([
  'arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  'arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/files',
  'alias/files',
  '1234abcd-12ab-34cd-56ef-1234567890ab',
])('takes the KMS key %s', (text) => expect(parseKmsKeyAnswer(` ${text}\n`)).toBe(text));

it.each(['', 'arn:aws:s3:::bucket', 'arn:aws:kms:eu-central-1:12:key/x', 'a key'])(
  'refuses the KMS key %j',
  (text) => expect(() => parseKmsKeyAnswer(text)).toThrow(/KMS key/),
);

it.each(['https://s3.example.com', 'http://127.0.0.1:9000', 'https://s3.example.com:8443/'])(
  'accepts the endpoint %s',
  (text) => expect(parseEndpoint(text)).toBe(text.replace(/\/$/, '')),
);

it.each([
  's3.example.com',
  'ftp://s3.example.com',
  'https://me:secret@s3.example.com',
  'https://s3.example.com/?x',
])('refuses the endpoint %s', (text) =>
  expect(() => parseEndpoint(text)).toThrow(/the endpoint must be a URL/),
);

it('accepts listen addresses with a port', () => {
  expect(parseListenAddress('[::1]:0')).toEqual({ host: '::1', port: 0 });
  for (const text of ['2222', '127.0.0.1', 'h:65536', '']) {
    expect(() => parseListenAddress(text)).toThrow(/host:port/);
  }
});

it('accepts only numbers of the menus', () => {
  expect([1, 2, 3, 4].map((number) => parseEncryptionAnswer(` ${number} `))).toEqual([1, 2, 3, 4]);
  for (const text of ['0', '5', 'sse-c', '', '1.5', '-1'])
    expect(() => parseEncryptionAnswer(text)).toThrow(/1 \(SSE-S3\)/);
  expect(parseAcl('7')).toBe('bucket-owner-full-control');
  for (const text of ['0', '9', 'private', '']) expect(() => parseAcl(text)).toThrow(/1 \(private\)/);
  expect(parseRegion(' eu-central-1 ')).toBe('eu-central-1');
  expect(() => parseRegion('eu central')).toThrow(/region/);
});

it('accepts one line as a password, without its line end', () => {
  expect(parsePassword(Buffer.from('s p a c e \r\n'), 'p')).toBe('s p a c e ');
  expect(() => parsePassword(Buffer.from('\n'), 'p')).toThrow(/no password/);
  expect(() => parsePassword(Buffer.from('a\nb\n'), 'p')).toThrow(/more than one line/);
});

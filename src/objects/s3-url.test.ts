import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import { parseObjectUrl, parseS3Url, printable, s3Url } from './s3-url.js';

const bucket = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/);
const key = fc.string({ unit: 'grapheme', maxLength: 200 });

describe('an S3 URL', () => {
  it('is parsed back to the same reference, whatever the key contains', () => {
    fc.assert(
      fc.property(bucket, key, (name, object) => {
        const ref = { bucket: name, key: object };
        expect(parseS3Url(s3Url(ref))).toEqual(ref);
      }),
    );
  });

  it('is formatted back to the same text, except for a missing slash after the bucket', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `s3://${text}`),
        ),
        (text) => {
          let ref: ReturnType<typeof parseS3Url>;
          try {
            ref = parseS3Url(text);
          } catch (error) {
            expect(error).toMatchObject({ kind: 'invalid' });
            return;
          }
          expect([text, `${text}/`]).toContain(s3Url(ref));
        },
      ),
    );
  });

  it.each([
    ['s3://bucket', '', 'the whole bucket'],
    ['s3://bucket/', '', 'the whole bucket'],
    ['s3://bucket//a', '/a', 'a key that begins with a slash'],
    ['s3://bucket/a b?c#d%20', 'a b?c#d%20', 'a key with characters that are special in other URLs'],
    ['s3://bucket/../a', '../a', 'dots that are part of the key'],
  ])('%s has the key %j: %s', (text, expected) => {
    expect(parseS3Url(text)).toEqual({ bucket: 'bucket', key: expected });
  });

  it.each([
    ['bucket/key', /not an S3 URL/],
    ['S3://bucket/key', /not an S3 URL/],
    ['https://bucket/key', /not an S3 URL/],
    ['s3:///key', /not a bucket name/],
    ['s3://b/key', /not a bucket name/],
    ['s3://buc ket/key', /not a bucket name/],
    ['s3://user:secret@bucket/key', /not a bucket name/],
    ['s3://bucket/\ud800', /not valid Unicode/],
    [`s3://bucket/${'ä'.repeat(513)}`, /longer than 1024 bytes/],
  ])('refuses %j and gives the reason', (text, words) => {
    expect(() => parseS3Url(text)).toThrow(Fault);
    expect(() => parseS3Url(text)).toThrow(words);
  });

  it('needs a key where it must name an object', () => {
    expect(() => parseObjectUrl('s3://bucket/')).toThrow(/has no key/);
    expect(parseObjectUrl('s3://bucket/a/')).toEqual({ bucket: 'bucket', key: 'a/' });
  });
});

describe('a name on a terminal', () => {
  it('contains no control characters', () => {
    expect(printable('a\u001b[31mb\nc\u202ed')).toBe('a\\u{1b}[31mb\\u{a}c\\u{202e}d');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the test searches for them
        expect(printable(name)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
      }),
    );
  });

  it('keeps all other characters', () => {
    expect(printable('Übung 1/日本.txt')).toBe('Übung 1/日本.txt');
  });
});

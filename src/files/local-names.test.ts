import { describe, expect, it } from 'vitest';
import { localNameProblem } from './local-names.js';
import { nearestName } from './nearest-name.js';

const room = 4000;

describe('the name of an object as a path', () => {
  it.each([
    'a',
    'a/b',
    'a/',
    'a/b/',
    '.a',
    '..a',
    'a..',
    '...',
    'ab/.c./..d',
    ' ~',
    'é/\u{1f600}',
    'x'.repeat(255),
    `${'x'.repeat(255)}/${'é'.repeat(127)}y`,
  ])('accepts %j', (name) => expect(localNameProblem(name, room)).toBeNull());

  it.each([
    ['\u0000', 'control'],
    ['a\u001fb', 'control'],
    ['a\u007f', 'control'],
    ['\ud800', 'Unicode'],
    ['a\udc00b', 'Unicode'],
    ['/', 'two slashes'],
    ['/a', 'two slashes'],
    ['a//b', 'two slashes'],
    ['a//', 'two slashes'],
    ['.', '"."'],
    ['..', '"."'],
    ['a/.', '"."'],
    ['a/..', '"."'],
    ['../a', '"."'],
    ['./a', '"."'],
    ['a/../b', '"."'],
    ['x'.repeat(256), 'more than 255 bytes'],
    [`a/${'é'.repeat(128)}/b`, 'more than 255 bytes'],
  ])('refuses %j', (name, why) => expect(localNameProblem(name, room)).toContain(why));

  it('refuses a path above what the file system leaves, in bytes', () => {
    expect(localNameProblem('é'.repeat(5), 10)).toBeNull();
    expect(localNameProblem('é'.repeat(5), 9)).toContain('longer than 9 bytes');
    expect(localNameProblem('abc', 3)).toBeNull();
    expect(localNameProblem('abcd', 3)).toContain('longer than 3 bytes');
  });
});

describe('the name that was probably meant', () => {
  const known = ['upload.bucket', 'upload.prefix', 'sse.option', 'ab'];

  it.each([
    ['upload.bucket', 'upload.bucket'],
    ['Upload_Bucket', 'upload.bucket'],
    ['uplod.bucket', 'upload.bucket'],
    ['upload.buckets', 'upload.bucket'],
    ['uploaf.buckat', 'upload.bucket'],
    ['sse.optoin', 'sse.option'],
    ['se.optio', 'sse.option'],
    ['upload.prefi', 'upload.prefix'],
    ['uploda.bukcet', null],
    ['uXXXad.bucket', null],
    ['something else', null],
    ['', 'ab'],
    ['abcd', 'ab'],
    ['abcde', null],
  ])('for %j is %j', (name, meant) => expect(nearestName(name, known)).toBe(meant));

  it('is the nearest, and the first of those that are equally near', () => {
    expect(nearestName('abcd', ['abxx', 'abcx', 'abcy'])).toBe('abcx');
    expect(nearestName('abcd', [])).toBeNull();
  });
});

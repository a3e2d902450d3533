import { basename, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { call } from '../vault/testing/vault-world.js';
import { isProbeObject, probePrefix } from './gateway-objects.js';
import { findListed, listPages } from './list-pages.js';
import type { ListPage, ListRequest } from './object-store.js';
import { isSameEtag, keyTagName } from './object-store.js';
import { parkedBytes } from './parked-uploads.js';
import { ownersOf, type PrefixOwner } from './users/prefix-owners.js';
import { parseUsername, usernameOfDirectory, usernameOrNull } from './users.js';

const invalid = expect.objectContaining({ kind: 'invalid' });

describe('a user name', () => {
  it.each(['a', 'A9', 'bob', 'a-b_c.d', `a${'-'.repeat(30)}z`])('accepts %j', (text) => {
    expect(parseUsername(text)).toBe(text);
  });

  it.each([
    '',
    '.',
    '..',
    '-a',
    'a-',
    '_a',
    'a.',
    'a..b',
    'a/b',
    '../a',
    'a b',
    'é',
    'a\n',
    `a${'-'.repeat(31)}z`,
    'a@',
    '@a',
    'a@b@c',
    'a@b..c',
    'a@-b.c',
    'a@b.c.',
    'a..b@c.d',
    '.a@b.c',
    '+a@b.c',
    'a@b/c',
    'a@b\\c',
    'a@b~c',
    '\\a',
    'a\\',
    'a\\b\\c',
    'a\\..',
    '..\\a',
    'a~b~c',
    'a\\b/c',
    'a+b',
    `${'a'.repeat(63)}@b`,
    // Letters that look like those of ASCII, or become them in lower case or NFKC.
    'b\u043eb@example.com',
    'bob@ex\u0430mple.com',
    'bob@\u212aelvin.com',
    '\uff22ob@example.com',
    'bob\uff20example.com',
  ])('refuses %j', (text) => expect(() => parseUsername(text)).toThrow(invalid));

  it.each([
    ['bob@example.com', 'bob@example.com'],
    ['Bob.Smith+Ftp@Example.COM', 'bob.smith+ftp@example.com'],
    ['bob@corp', 'bob@corp'],
    ['CORP\\Bob', 'corp~bob'],
    ['corp~bob', 'corp~bob'],
    ['Corp.Example\\b-o_b', 'corp.example~b-o_b'],
    [`${'a'.repeat(62)}@b`, `${'a'.repeat(62)}@b`],
    ['Bob', 'Bob'],
  ])('%j names the directory %j', (text, name) => expect(parseUsername(text)).toBe(name));

  const anyText = fc.string({ unit: fc.constantFrom(...'aAbZ09._-+@~\\/ \u0430\u0000'), maxLength: 12 });

  it('is one safe component of a path and a prefix, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string()), (text) => {
        const name = usernameOrNull(text);
        if (name === null) return;
        expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9_.@+~-]{0,63}$/);
        expect(name).not.toContain('..');
        expect(basename(join('/home', name))).toBe(name);
        expect(parseUsername(name)).toBe(name);
        expect(usernameOfDirectory(name)).toBe(name);
      }),
      { numRuns: 5000 },
    );
  });

  it('differs for any two names that differ in more than the case of qualified names and the separator', () => {
    const essence = (text: string) => (/[@\\~]/.test(text) ? text.toLowerCase().replace('\\', '~') : text);
    fc.assert(
      fc.property(anyText, anyText, (one, other) => {
        const [first, second] = [usernameOrNull(one), usernameOrNull(other)];
        if (first === null || second === null) return;
        expect(first === second).toBe(essence(one) === essence(other));
      }),
      { numRuns: 5000 },
    );
  });

  it('is read from a directory only in its own form', () => {
    expect(usernameOfDirectory('Bob@Example.com')).toBeNull();
    expect(usernameOfDirectory('CORP\\bob')).toBeNull();
    expect(usernameOfDirectory('corp~bob')).toBe('corp~bob');
    expect(usernameOfDirectory('.sftpgw-removed')).toBeNull();
  });
});

describe('ETags', () => {
  it.each([
    ['"a"', '"a"', true],
    ['a', '"a"', true],
    ['"a"', 'a', true],
    ['"a"', '"b"', false],
    ['', '', false],
    [undefined, '"a"', false],
  ])('%j and %j are the same: %s', (one, other, same) => expect(isSameEtag(one, other)).toBe(same));
});

describe('the owners of an object', () => {
  const owner = (name: string, bucket: string, prefix: string): PrefixOwner => ({
    name,
    username: null,
    bucket,
    prefix,
    acl: null,
    encryption: async () => ({ kind: 'sse-s3' }),
  });
  const shared = owner('shared', 'one', 'shared/');
  const all = [
    shared,
    owner('all', 'one', ''),
    owner('inner', 'one', 'shared/in/'),
    owner('same', 'one', 'shared/in/'),
  ];
  const namesOf = (bucket: string, key: string) => ownersOf(all, { bucket, key }).map(({ name }) => name);

  it('are those of the longest prefix, all of them', () => {
    expect(namesOf('one', 'shared/in/x')).toEqual(['inner', 'same']);
    expect(namesOf('one', 'shared/x')).toEqual(['shared']);
    expect(namesOf('one', 'other')).toEqual(['all']);
    expect(namesOf('two', 'shared/x')).toEqual([]);
    expect(ownersOf([], { bucket: 'one', key: 'x' })).toEqual([]);
  });
});

describe('listing', () => {
  const object = (key: string) => ({ key, size: 1, etag: '"e"', lastModifiedMs: 0 });
  const pages: readonly ListPage[] = [
    { objects: [object('a')], prefixes: [], continuation: 'one' },
    { objects: [object('b')], prefixes: [], continuation: 'two' },
    { objects: [object('c')], prefixes: [], continuation: null },
  ];

  it('returns every page, each after the one before', async () => {
    const requests: ListRequest[] = [];
    const store = {
      list: async (_: unknown, request: ListRequest) => {
        requests.push(request);
        return pages[requests.length - 1] ?? { objects: [], prefixes: [], continuation: null };
      },
    };
    const found: ListPage[] = [];
    const request = { bucket: 'b', prefix: 'p', delimiter: '/' } as const;
    for await (const page of listPages(store, call(), request)) found.push(page);
    expect(found).toEqual(pages);
    expect(requests).toEqual([
      request,
      { ...request, continuation: 'one' },
      { ...request, continuation: 'two' },
    ]);
  });

  it('finds one object by its whole name, with one key', async () => {
    const requests: ListRequest[] = [];
    const listing = (...keys: string[]) => ({
      list: async (_: unknown, request: ListRequest) => {
        requests.push(request);
        return { objects: keys.map(object), prefixes: [], continuation: null };
      },
    });
    expect(await findListed(listing('key'), call(), { bucket: 'b', key: 'key' })).toEqual(object('key'));
    expect(await findListed(listing('key-and-more'), call(), { bucket: 'b', key: 'key' })).toBeNull();
    expect(await findListed(listing(), call(), { bucket: 'b', key: 'key' })).toBeNull();
    expect(requests[0]).toEqual({ bucket: 'b', prefix: 'key', delimiter: '/', maxKeys: 1 });
  });
});

it('recognises the objects of its own trials', () => {
  for (const key of [`${probePrefix}x`, 'uploads/.sftpgw-doctor-1']) expect(isProbeObject(key)).toBe(true);
  for (const key of ['', 'probe-x', '.sftpgw/keys', `a/${probePrefix}x`])
    expect(isProbeObject(key)).toBe(false);
  expect(probePrefix).toBe('.sftpgw/probe-');
  expect(keyTagName).toBe('sftpgw-key');
});

it('adds the parts of a parked upload', () => {
  const part = (size: number) => ({
    partNumber: 1,
    size,
    etag: '"e"',
    checksum: { algorithm: 'crc32c' as const, value: 0 },
  });
  expect(parkedBytes({ parts: [] })).toBe(0);
  expect(parkedBytes({ parts: [part(5), part(7)] })).toBe(12);
});

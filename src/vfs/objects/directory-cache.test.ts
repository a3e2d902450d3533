import { describe, expect, it } from 'vitest';
import { DirectoryCache } from './directory-cache.js';
import { fitsKeyLimit, isUsableName, ObjectLocation } from './location.js';

function setUp(lifetimeMs?: number, capacity?: number) {
  let nowMs = 1_000;
  const clock = { nowMs: () => 0, monotonicMs: () => nowMs, sleep: async () => undefined };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { cache: new DirectoryCache(clock, lifetimeMs, capacity), pass };
}

describe('the memory of directories', () => {
  it('lasts 15 seconds after the last time that one was seen', () => {
    const { cache, pass } = setUp();
    cache.add('b', 'd/', true);
    pass(10_000);
    cache.add('b', 'd/', false);
    pass(14_999);
    expect([cache.exists('b', 'd/'), cache.hasMarker('b', 'd/')]).toEqual([true, false]);
    expect([cache.exists('b', 'e/'), cache.exists('c', 'd/'), cache.hasMarker('b', 'e/')]).toEqual([
      false,
      false,
      false,
    ]);
    pass(1);
    expect(cache.exists('b', 'd/')).toBe(false);
  });

  it('tells whether the directory has a marker', () => {
    const { cache } = setUp();
    cache.add('b', 'd/', true);
    expect(cache.hasMarker('b', 'd/')).toBe(true);
  });

  it('of a name that is not a directory lasts two seconds', () => {
    const { cache, pass } = setUp();
    cache.add('b', 'd/', true);
    cache.addAbsent('b', 'd/');
    expect([cache.exists('b', 'd/'), cache.isKnownAbsent('b', 'd/')]).toEqual([false, true]);
    expect([cache.isKnownAbsent('b', 'e/'), cache.isKnownAbsent('c', 'd/')]).toEqual([false, false]);
    pass(1_999);
    expect(cache.isKnownAbsent('b', 'd/')).toBe(true);
    pass(1);
    expect(cache.isKnownAbsent('b', 'd/')).toBe(false);
    cache.addAbsent('b', 'd/');
    cache.add('b', 'd/', false);
    expect(cache.isKnownAbsent('b', 'd/')).toBe(false);
  });

  it('ends for a directory, or for everything below one', () => {
    const { cache } = setUp();
    for (const prefix of ['d/', 'd/e/', 'dd/']) cache.add('b', prefix, true);
    cache.addAbsent('b', 'd/x/');
    cache.addAbsent('b', 'dd/x/');
    cache.forgetBelow('b', 'd/');
    expect(['d/', 'd/e/', 'dd/'].map((prefix) => cache.exists('b', prefix))).toEqual([false, false, true]);
    expect([cache.isKnownAbsent('b', 'd/x/'), cache.isKnownAbsent('b', 'dd/x/')]).toEqual([false, true]);
    cache.forget('b', 'dd/');
    expect(cache.exists('b', 'dd/')).toBe(false);
  });

  it('has room for a number of directories, and keeps those that were seen last', () => {
    const { cache } = setUp(15_000, 3);
    for (const prefix of ['a/', 'b/', 'c/', 'a/', 'd/']) cache.add('b', prefix, true);
    expect(['a/', 'b/', 'c/', 'd/'].map((prefix) => cache.exists('b', prefix))).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });
});

describe('the location of a mount', () => {
  const location = new ObjectLocation('/uploads', 'b', 'bob/');

  it('has a key for each file and directory', () => {
    expect(location.file('/d/a')).toEqual({ bucket: 'b', key: 'bob/d/a' });
    expect(location.directory('/')).toEqual({ bucket: 'b', key: 'bob/' });
    expect(location.directory('/d')).toEqual({ bucket: 'b', key: 'bob/d/' });
    expect(location.newDirectory('/d')).toEqual({ bucket: 'b', key: 'bob/d/' });
    expect([location.shown('/'), location.shown('/d/"a"')]).toEqual(['"/uploads"', '"/uploads/d/\\"a\\""']);
  });

  it.each([
    ['x'.repeat(1_020), true],
    ['x'.repeat(1_021), false],
    ['é'.repeat(510), true],
    [`${'é'.repeat(510)}x`, false],
    ['ｆ'.repeat(340), true],
    ['ｆ'.repeat(341), false],
  ])('has keys of up to 1,024 bytes (%#)', (name, fits) => {
    expect(fitsKeyLimit(`bob/${name}`)).toBe(fits);
    if (fits) expect(location.file(`/${name}`).key).toBe(`bob/${name}`);
    else expect(() => location.file(`/${name}`)).toThrowError(expect.objectContaining({ kind: 'invalid' }));
    // A directory has one byte more.
    expect(location.directory(`/${name}`).key).toBe(`bob/${name}/`);
  });

  it('has no new directory whose marker would be too long', () => {
    const name = 'x'.repeat(1_020);
    expect(() => location.newDirectory(`/${name}`)).toThrowError(
      expect.objectContaining({ kind: 'invalid' }),
    );
    expect(location.newDirectory(`/${name.slice(1)}`).key).toHaveLength(1_024);
  });
});

it.each([
  ['a', true],
  ['...', true],
  [' ', true],
  ['\u{1f600}', true],
  ['', false],
  ['.', false],
  ['..', false],
  ['a/b', false],
  ['\u0000', false],
  ['a\u001f', false],
  ['\u007f', false],
  ['\u0080', true],
  ['\ud800', false],
])('a client can request the name %j: %s', (name, isUsable) => {
  expect(isUsableName(name)).toBe(isUsable);
});

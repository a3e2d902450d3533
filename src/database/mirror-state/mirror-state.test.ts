import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { MirrorEntry, MirrorPrefixStatus, MirrorState } from '../../model/mirror.js';
import { keyNamed } from '../../vault/testing/vault-world.js';
import type { GatewayDatabase } from '../database.js';
import { createMirrorState } from './mirror-state.js';

let directory: string;
let db: GatewayDatabase;
let state: MirrorState;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-mirror-'));
  db = await openTestDatabase(join(directory, 'db'));
  state = createMirrorState(db);
});
afterEach(async () => {
  await db.close();
  await rm(directory, { recursive: true, force: true });
});

const [a, b] = [keyNamed('a').fingerprint, keyNamed('b').fingerprint];
const object = { etag: '"e"', size: 5, lastModifiedMs: 7, fingerprint: a };
const stamp = { inode: 11, size: 5, mtimeMs: 13 };
const refusal = { etag: '"r"', size: 0, lastModifiedMs: 0, tried: [a, b] };
const entry = (path: string, change: Partial<MirrorEntry> = {}): MirrorEntry => ({
  path,
  object,
  stamp,
  refusal: null,
  ...change,
});
const put = (...entries: readonly MirrorEntry[]) =>
  state.apply(
    'shared',
    entries.map((one) => ({ kind: 'put', entry: one })),
  );
const remove = (...paths: readonly string[]) =>
  state.apply(
    'shared',
    paths.map((path) => ({ kind: 'remove', path })),
  );
const paths = async (name = 'shared') => (await state.page(name, null, 1_000)).map(({ path }) => path);

describe('the entries of a mirrored prefix', () => {
  it.each<[string, Partial<MirrorEntry>]>([
    ['a file', {}],
    ['a file without a key', { object: { ...object, fingerprint: null } }],
    [
      'an empty file at the epoch',
      { object: { ...object, size: 0, lastModifiedMs: 0 }, stamp: { ...stamp, size: 0, mtimeMs: 0 } },
    ],
    ['a directory', { object: null, stamp: null }],
    ['a directory with a marker', { stamp: null }],
    ['a file that is only on disk', { object: null }],
    ['an object that keys do not open', { object: null, stamp: null, refusal }],
    ['an object that no key was tried on', { refusal: { ...refusal, tried: [] } }],
  ])('are read as they were written: %s', async (_, change) => {
    await put(entry('x', change));
    expect(await state.find('shared', 'x')).toEqual(entry('x', change));
    expect(await state.page('shared', null, 1)).toEqual([entry('x', change)]);
  });

  it('are in the order of their UTF-8 bytes, by pages', async () => {
    const names = ['a', 'a/b', 'a0', 'b', '\u{e9}', '\u{ff61}', '\u{1f600}'];
    await put(...names.toReversed().map((name) => entry(name)));
    expect(await paths()).toEqual(names);
    const page = async (after: string | null, limit: number) =>
      (await state.page('shared', after, limit)).map(({ path }) => path);
    expect(await page(null, 2)).toEqual(['a', 'a/b']);
    expect(await page('a/b', 2)).toEqual(['a0', 'b']);
    expect(await page('\u{1f600}', 2)).toEqual([]);
  });

  it('belong to one prefix', async () => {
    await put(entry('x'));
    await state.apply('downloads/bob', [{ kind: 'put', entry: entry('y') }]);
    expect([await paths(), await paths('downloads/bob'), await paths('none')]).toEqual([['x'], ['y'], []]);
    expect(await state.find('shared', 'y')).toBeNull();
    expect(await state.find('none', 'x')).toBeNull();
    await remove('y');
    expect(await paths('downloads/bob')).toEqual(['y']);
    // Another process finds the same prefixes.
    expect(await createMirrorState(db).find('shared', 'x')).toEqual(entry('x'));
    expect(await state.names()).toEqual(['downloads/bob', 'shared']);
  });

  it('have the last change of a path', async () => {
    const other = entry('x', { stamp: null });
    await state.apply('shared', [
      { kind: 'remove', path: 'x' },
      { kind: 'put', entry: entry('x') },
      { kind: 'put', entry: entry('y') },
      { kind: 'put', entry: other },
      { kind: 'remove', path: 'y' },
    ]);
    expect(await state.page('shared', null, 10)).toEqual([other]);
    await put(entry('x'));
    expect(await state.find('shared', 'x')).toEqual(entry('x'));
    await state.apply('none', []);
    expect(await state.names()).toEqual(['shared']);
  });

  it.each([1, 3, 4, 5, 64, 65, 149])('are changed %i at a time', async (count) => {
    const names = Array.from({ length: count }, (_, at) => `f${String(at).padStart(3, '0')}`);
    await put(entry('z'), ...names.map((name) => entry(name)));
    expect(await paths()).toEqual([...names, 'z']);
    await remove(...names);
    expect(await paths()).toEqual(['z']);
  });

  it('below a directory are found, without the directory itself', async () => {
    await put(entry('d/'), entry('d0'), entry('e/f'), entry('g/'));
    const holds = async (path: string) => await state.holdsBelow('shared', path);
    expect([await holds('d/'), await holds('e/'), await holds('g/'), await holds('h/')]).toEqual([
      false,
      true,
      false,
      false,
    ]);
    await put(entry('d/x'));
    expect(await holds('d/')).toBe(true);
    expect(await state.holdsBelow('none', 'd/')).toBe(false);
  });

  it('are counted with their bytes if they are files on disk', async () => {
    expect(await state.totals('shared')).toEqual({ files: 0, bytes: 0 });
    await put(entry('x'), entry('y', { stamp: { ...stamp, size: 8 } }), entry('d/', { stamp: null }));
    expect(await state.totals('shared')).toEqual({ files: 2, bytes: 13 });
    await remove('x', 'y');
    expect(await state.totals('shared')).toMatchObject({ files: 0 });
  });
});

describe('the record of a mirrored prefix', () => {
  const status = { name: 'shared', objects: 3 } as unknown as MirrorPrefixStatus;

  it('is read as it was written last', async () => {
    expect(await state.record('shared')).toBeNull();
    await state.saveRecord('shared', { origin: 'b/p/', emptySeenMs: 5, status });
    expect(await state.record('shared')).toEqual({ origin: 'b/p/', emptySeenMs: 5, status });
    await state.saveRecord('shared', { origin: 'b/q/', emptySeenMs: null, status: null });
    expect(await state.record('shared')).toEqual({ origin: 'b/q/', emptySeenMs: null, status: null });
    await put(entry('x'));
    expect((await state.record('shared'))?.origin).toBe('b/q/');
  });

  it('is begun by the first entry', async () => {
    await put(entry('x'));
    expect(await state.record('shared')).toEqual({ origin: '', emptySeenMs: null, status: null });
  });

  it('has no status if a later program wrote it in another format', async () => {
    await state.saveRecord('shared', { origin: 'b/p/', emptySeenMs: null, status });
    await db.write((trx) => trx.updateTable('mirror_prefix').set({ status: '<status>' }).execute());
    expect(await state.record('shared')).toEqual({ origin: 'b/p/', emptySeenMs: null, status: null });
  });
});

it('gateways that share a database have a state each', async () => {
  const [one, other] = [createMirrorState(db, 'one'), createMirrorState(db, 'other')];
  const record = { origin: 'bucket/p/', emptySeenMs: null, status: null };
  await one.saveRecord('shared', record);
  await one.apply('shared', [{ kind: 'put', entry: entry('d/x') }]);
  expect([await one.names(), await other.names()]).toEqual([['shared'], []]);
  expect(await one.find('shared', 'd/x')).toEqual(entry('d/x'));
  expect(await one.page('shared', null, 10)).toEqual([entry('d/x')]);
  expect(await one.holdsBelow('shared', 'd/')).toBe(true);
  expect(await one.totals('shared')).toEqual({ files: 1, bytes: 5 });
  expect(await one.record('shared')).toEqual(record);
  expect(await other.find('shared', 'd/x')).toBeNull();
  expect(await other.page('shared', null, 10)).toEqual([]);
  expect(await other.holdsBelow('shared', 'd/')).toBe(false);
  expect(await other.totals('shared')).toEqual({ files: 0, bytes: 0 });
  expect(await other.record('shared')).toBeNull();
});

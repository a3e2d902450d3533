import { describe, expect, it } from 'vitest';
import type { LedgerRow } from '../model/ledger.js';
import type { ObjectInfo } from '../model/object-store.js';
import {
  mtimeMetadata,
  mtimeOf,
  mtimeOfMetadata,
  ownMtime,
  rowOf,
  wholeSeconds,
  withMtime,
} from './mtime.js';
import { sealedWith } from './sealed-with.js';
import { keyNamed } from './testing/vault-world.js';

const key = keyNamed('mine');

function info(metadata: Readonly<Record<string, string>> = {}): ObjectInfo {
  return {
    size: 5,
    etag: '"e"',
    versionId: null,
    lastModifiedMs: 9_500,
    encryption: { kind: 'sse-c', keyMd5Base64: key.md5Base64 },
    metadata,
    contentType: null,
    checksum: null,
  };
}

function row(etag: string | null, mtimeSeconds: number | null, of = key): LedgerRow {
  const confirmation =
    etag === null ? null : { etag, size: 5, checksum: null, versionId: null, mtimeSeconds };
  return { sealedWith: sealedWith({ kind: 'sse-c', key: of }), confirmation } as LedgerRow;
}

describe('the file time in the metadata', () => {
  it.each([
    ['12', 12],
    ['12.5', 12.5],
    ['-3', -3],
    ['0', 0],
    ['999999999999', 999_999_999_999],
    ['9999999999999', null],
    ['12.', null],
    ['.5', null],
    ['', null],
    ['12 ', null],
    ['x12', null],
    ['1e3', null],
    ['--1', null],
  ])('%j is %s', (mtime, seconds) => {
    expect(mtimeOfMetadata(info({ mtime }))).toBe(seconds);
  });

  it('is written as it is read, replaced, and left out', () => {
    expect(mtimeMetadata(12.5)).toEqual({ mtime: '12.5' });
    expect(mtimeMetadata(0)).toEqual({ mtime: '0' });
    expect(mtimeMetadata(null)).toEqual({});
    expect(withMtime({ mtime: '1', other: 'x' }, 2)).toEqual({ mtime: '2', other: 'x' });
    expect(withMtime({ mtime: '1', other: 'x' }, null)).toEqual({ other: 'x' });
    expect(mtimeOfMetadata(info())).toBeNull();
  });

  it('is rounded down to whole seconds', () => {
    expect([1.9, -1.1, 3, null].map(wholeSeconds)).toEqual([1, -2, 3, null]);
  });
});

describe('the row of an object', () => {
  it('has its ETag and its encryption, and the first such row is taken', () => {
    const [mine, later] = [row('"e"', 7), row('"e"', 8)];
    const others = [row(null, 1), row('"f"', 2), row('"e"', 3, keyNamed('theirs'))];
    expect(rowOf(info(), [...others, mine, later])).toBe(mine);
    expect(rowOf(info(), others)).toBeNull();
    expect(rowOf(info(), [])).toBeNull();
  });
});

describe('the time of a file', () => {
  it('is that of the ledger, else that of the metadata, else that of S3', () => {
    const both = [row('"e"', 0)];
    expect(ownMtime(info({ mtime: '5' }), both)).toBe(0);
    expect(ownMtime(info({ mtime: '5' }), [row('"e"', null)])).toBe(5);
    expect(ownMtime(info(), [row('"e"', null)])).toBeNull();
    expect(mtimeOf(info({ mtime: '5' }), both)).toBe(0);
    expect(mtimeOf(info({ mtime: '5' }), [])).toBe(5);
    expect(mtimeOf(info(), [])).toBe(9.5);
  });
});

import { describe, expect, it } from 'vitest';
import type { ListedObject } from '../model/object-store.js';
import { snapshotKey, snapshotNumber } from './bucket-names.js';
import { newestSnapshot } from './copy-bucket.js';
import { staleSnapshots } from './stale-snapshots.js';

const dayMs = 86_400_000;
const nowMs = 1_000 * dayMs + dayMs / 2;

function object(key: string, lastModifiedMs = 0): ListedObject {
  return { key, size: 1, etag: '"e"', lastModifiedMs };
}

const snapshot = (number: number, lastModifiedMs: number) => object(snapshotKey(number), lastModifiedMs);
const strangers = [
  '.sftpgw/snapshots/snapshot-1.tar.gz.age',
  '.sftpgw/snapshots/snapshot-00000000012.tar.gz.age',
  '.sftpgw/snapshots/snapshot-0000000001.tar.gz.age.part',
  '.sftpgw/snapshots/a/snapshot-0000000001.tar.gz.age',
  '.sftpgw/snapshots/my-snapshot-0000000001.tar.gz.age',
  '.sftpgw/keys/snapshot-0000000001.tar.gz.age',
  'XXXXXXX/snapshots/snapshot-0000000001.tar.gz.age',
  '.sftpgw/snapshots/snapshot-000000000x.tar.gz.age',
];

describe('the key of a snapshot', () => {
  it('holds its number, in the order of numbers', () => {
    expect(snapshotKey(7)).toBe('.sftpgw/snapshots/snapshot-0000000007.tar.gz.age');
    for (const number of [1, 9, 10, 1_234_567_890]) expect(snapshotNumber(snapshotKey(number))).toBe(number);
    expect([10, 9, 2].map(snapshotKey).toSorted()).toEqual([2, 9, 10].map(snapshotKey));
  });

  it.each(strangers)('is not %s', (key) => {
    expect(snapshotNumber(key)).toBeNull();
    expect(staleSnapshots([object(key)], nowMs)).toEqual([]);
  });
});

describe('the newest snapshot', () => {
  it('has the highest number, wherever it is listed', () => {
    expect(
      newestSnapshot([snapshot(2, 0), snapshot(10, 0), object('.sftpgw/keys/x.age'), snapshot(9, 0)]),
    ).toBe(10);
  });

  it('does not exist among other objects', () => {
    expect(newestSnapshot(strangers.map((key) => object(key)))).toBeNull();
  });
});

describe('stale snapshots', () => {
  it('are never among the newest five, however old these are', () => {
    const five = [1, 2, 3, 4, 5].map((number) => snapshot(number, 0));
    expect(staleSnapshots(five, nowMs)).toEqual([]);
    expect(staleSnapshots([...five, snapshot(6, 0)], nowMs)).toEqual([snapshotKey(1)]);
  });

  it('are found by their numbers, not by their place in the list', () => {
    const listed = [6, 1, 4, 3, 5, 2].map((number) => snapshot(number, 0));
    expect(staleSnapshots(listed, nowMs)).toEqual([snapshotKey(1)]);
  });

  it('do not include the last of each day for two weeks', () => {
    // Two snapshots a day for 20 days: the even number is the last of its day.
    const listed = Array.from({ length: 40 }, (_, index) =>
      snapshot(index + 1, nowMs - (19 - Math.floor(index / 2)) * dayMs + (index % 2) * 60_000 - 120_000),
    );
    const stale = new Set(staleSnapshots(listed, nowMs));
    const kept = listed.map(({ key }) => snapshotNumber(key) ?? 0).filter((n) => !stale.has(snapshotKey(n)));
    // The newest five are 36 to 40; before these the last of each of 13 days, including today.
    expect(kept).toEqual([14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 37, 38, 39, 40]);
  });

  it('include the last of a day from exactly two weeks on', () => {
    const newest = [3, 4, 5, 6, 7].map((number) => snapshot(number, nowMs));
    const atAge = (ageMs: number) => staleSnapshots([snapshot(1, nowMs - ageMs), ...newest], nowMs);
    expect(atAge(14 * dayMs - 1)).toEqual([]);
    expect(atAge(14 * dayMs)).toEqual([snapshotKey(1)]);
  });
});

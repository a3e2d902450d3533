import { beforeEach, describe, expect, it } from 'vitest';
import type { MirrorPrefix, MirrorPrefixRecord, MirrorState } from '../../model/mirror.js';
import type { ListPage, ObjectStore } from '../../model/object-store.js';
import { call } from '../../vault/testing/vault-world.js';
import { defaultMirrorSettings } from '../options.js';
import { ManualClock } from '../testing/manual-clock.js';
import { EmptyListingGuard } from './empty-listing.js';
import type { StartedListing } from './listing.js';

const prefix = { name: 'alice', bucket: 'bucket', prefix: 'alice/' } as unknown as MirrorPrefix;
const object = { key: 'alice/a', size: 1, etag: '"e"', lastModifiedMs: 0 };
const empty: ListPage = { objects: [], prefixes: [], continuation: null };
const listing = (isEmpty: boolean): StartedListing => ({ isEmpty }) as StartedListing;
const conflict = expect.objectContaining({ kind: 'conflict' });

let clock: ManualClock;
let files: number;
let record: MirrorPrefixRecord | null;
let answer: ListPage;
let listings: number;
let saves: number;
let guard: EmptyListingGuard;

/** Returns the guard of a process that has just started. */
function newGuard(): EmptyListingGuard {
  const store = {
    list: async () => {
      listings += 1;
      return answer;
    },
  } as unknown as ObjectStore;
  const state = {
    totals: async () => ({ files, bytes: 0 }),
    record: async () => record,
    saveRecord: async (_: string, saved: MirrorPrefixRecord) => {
      saves += 1;
      record = saved;
    },
  } as unknown as MirrorState;
  const settings = () => ({ ...defaultMirrorSettings, emptyBelievedFiles: 10 });
  return new EmptyListingGuard({ store, state, clock, settings }, prefix);
}

beforeEach(() => {
  clock = new ManualClock();
  files = 11;
  record = { origin: 'o', status: null, emptySeenMs: null } as unknown as MirrorPrefixRecord;
  answer = empty;
  listings = 0;
  saves = 0;
  guard = newGuard();
});

const check = (isEmpty = true) => guard.check(call(), listing(isEmpty));

describe('an empty listing', () => {
  it('of few files is accepted at once', async () => {
    files = 10;
    await check();
    expect([listings, saves]).toEqual([0, 0]);
  });

  it('of many files is accepted once another one, five seconds later, is empty too', async () => {
    await expect(check()).rejects.toThrow(conflict);
    expect(record?.emptySeenMs).toBe(clock.nowMs());
    await clock.advance(4_900);
    await expect(check()).rejects.toThrow(conflict);
    await clock.advance(100);
    await check();
  });

  it('counts from the first one, however often it is compared', async () => {
    await expect(check()).rejects.toThrow(conflict);
    const firstMs = record?.emptySeenMs;
    await clock.advance(1_000);
    await expect(check()).rejects.toThrow(conflict);
    expect(record?.emptySeenMs).toBe(firstMs);
    expect(saves).toBe(1);
  });

  it('keeps what else is recorded, and is recorded where nothing was', async () => {
    await expect(check()).rejects.toThrow(conflict);
    expect(record).toMatchObject({ origin: 'o' });
    record = null;
    await expect(check()).rejects.toThrow(conflict);
    expect(record).toMatchObject({ origin: '', status: null, emptySeenMs: clock.nowMs() });
  });

  it('is refused if a second request is not empty, and this does not confirm it', async () => {
    answer = { ...empty, objects: [object] };
    await expect(check()).rejects.toThrow(/a second listing was not empty/);
    expect(record?.emptySeenMs).toBeNull();
    answer = { ...empty, continuation: 'more' };
    await expect(check()).rejects.toThrow(/a second listing was not empty/);
  });
});

describe('a listing with objects', () => {
  it('clears the suspicion', async () => {
    await expect(check()).rejects.toThrow(conflict);
    await check(false);
    expect(record?.emptySeenMs).toBeNull();
    expect(record).toMatchObject({ origin: 'o' });
    await clock.advance(10_000);
    await expect(check()).rejects.toThrow(conflict);
  });

  it('clears a suspicion that was recorded before a restart', async () => {
    await expect(check()).rejects.toThrow(conflict);
    guard = newGuard();
    await check(false);
    expect(record?.emptySeenMs).toBeNull();
    await clock.advance(10_000);
    await expect(check()).rejects.toThrow(conflict);
  });

  it('writes nothing if there is no suspicion', async () => {
    await check(false);
    await check(false);
    record = null;
    guard = newGuard();
    await check(false);
    expect(saves).toBe(0);
  });
});

it('a suspicion that was recorded before a restart still counts', async () => {
  await expect(check()).rejects.toThrow(conflict);
  guard = newGuard();
  await clock.advance(5_000);
  await check();
});

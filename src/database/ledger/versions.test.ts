import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { FoundVersion, KeyLedger, LedgerVersions } from '../../model/ledger.js';
import { keyNamed, quickClock, seededEntropy } from '../../vault/testing/vault-world.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyLedger } from './ledger.js';
import { recordRemoval } from './testing/removal.js';
import { createLedgerVersions } from './versions.js';

const alice = keyNamed('alice');
const bob = keyNamed('bob');

let directory: string;
let db: GatewayDatabase;
let ledger: KeyLedger;
let versions: LedgerVersions;
let nowMs = 1_000;

beforeEach(async () => {
  nowMs = 1_000;
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-versions-'));
  db = await openTestDatabase(join(directory, 'db'));
  const clock = { ...quickClock, nowMs: () => nowMs };
  ledger = createKeyLedger(db, clock, seededEntropy('ledger'));
  versions = createLedgerVersions(db, clock, seededEntropy('versions'));
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true });
});

const sealed = (key = alice) =>
  ({ kind: 'sse-c', fingerprint: key.fingerprint, keyMd5Base64: key.md5Base64 }) as const;

function found(key: string, etag: string, more: Partial<FoundVersion> = {}): FoundVersion {
  return {
    ref: { bucket: 'bucket', key },
    versionId: 'null',
    isLatest: true,
    sealedWith: sealed(),
    size: 3,
    checksum: { algorithm: 'crc32c', value: 9 },
    etag,
    mtimeSeconds: 77,
    lastModifiedMs: 500,
    listedMs: nowMs,
    ...more,
  };
}

async function write(
  key: string,
  etag: string,
  by = alice,
  versionId: string | null = null,
  bucket = 'bucket',
) {
  const id = await ledger.intend({
    ref: { bucket, key },
    sealedWith: sealed(by),
    actor: 'bob',
    requestId: 'r',
  });
  await ledger.confirm(id, {
    size: 3,
    checksum: { algorithm: 'crc32c', value: 9 },
    etag,
    versionId,
    mtimeSeconds: null,
  });
  return id;
}

async function rowsOf(key: string): Promise<readonly string[]> {
  const rows = await versions.liveRowsOf({ bucket: 'bucket', key });
  return rows.map(
    ({ confirmation, sealedWith, isCurrent }) =>
      `${confirmation?.etag} ${sealedWith.kind === 'sse-c' && sealedWith.fingerprint === bob.fingerprint ? 'bob' : 'alice'}${isCurrent ? ' current' : ''}`,
  );
}

describe('a version unknown to the ledger', () => {
  it('is recorded as it was found', async () => {
    expect(await versions.restore([found('a', '"1"')], 'rebuild')).toHaveLength(1);
    const [row, ...others] = await ledger.candidates({ bucket: 'bucket', key: 'a' });
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      state: 'confirmed',
      actor: 'rebuild',
      sealedWith: sealed(),
      intendedMs: 500,
      confirmation: {
        size: 3,
        checksum: { algorithm: 'crc32c', value: 9 },
        etag: '"1"',
        versionId: 'null',
        mtimeSeconds: 77,
      },
    });
    expect(await versions.restore([found('a', '"1"')], 'rebuild')).toHaveLength(0);
    expect(await rowsOf('a')).toEqual(['"1" alice current']);
  });

  it('is recorded in order with the other versions of its object', async () => {
    const listed = [
      found('a', '"3"', { versionId: 'v3' }),
      found('a', '"2"', { versionId: 'v2', isLatest: false, sealedWith: sealed(bob) }),
      found('a', '"1"', { versionId: 'v1', isLatest: false }),
    ];
    expect(await versions.restore(listed, 'rebuild')).toHaveLength(3);
    expect(await rowsOf('a')).toEqual(['"3" alice current', '"2" bob', '"1" alice']);
    expect(await ledger.candidates({ bucket: 'bucket', key: 'a' })).toHaveLength(1);
  });

  it('replaces the row of the version that it overwrote', async () => {
    await write('a', '"old"', bob);
    nowMs += 10;
    expect(await versions.restore([found('a', '"new"')], 'rebuild')).toHaveLength(1);
    expect(await rowsOf('a')).toEqual(['"new" alice current']);
  });
});

describe('a restore keeps newer knowledge of the ledger', () => {
  it('about a version that it has already, under either form of the id', async () => {
    await write('a', '"1"', alice);
    expect(await versions.restore([found('a', '"1"')], 'rebuild')).toHaveLength(0);
    expect(await rowsOf('a')).toEqual(['"1" alice current']);
  });

  it('about a write since the listing', async () => {
    const listed = found('a', '"listed"');
    nowMs += 10;
    await write('a', '"newer"', bob);
    expect(await versions.restore([listed], 'rebuild')).toHaveLength(0);
    expect(await rowsOf('a')).toEqual(['"newer" bob current']);
    const versioned = { ...listed, ref: { bucket: 'bucket', key: 'v' }, versionId: 'v1' };
    await write('v', '"newer"', bob, 'v2');
    expect(await versions.restore([versioned], 'rebuild')).toHaveLength(1);
    expect((await rowsOf('v')).toSorted()).toEqual(['"listed" alice', '"newer" bob current']);
  });

  it('about a running write', async () => {
    await ledger.intend({
      ref: { bucket: 'bucket', key: 'a' },
      sealedWith: sealed(bob),
      actor: 'b',
      requestId: 'r',
    });
    expect(await versions.restore([found('a', '"1"')], 'rebuild')).toHaveLength(1);
    const candidates = await ledger.candidates({ bucket: 'bucket', key: 'a' });
    expect(candidates.map(({ state }) => state)).toEqual(['confirmed', 'intended']);
  });
});

it('a restore corrects a row whose key does not open the object', async () => {
  await write('a', '"1"', bob);
  nowMs += 10;
  expect(await versions.restore([found('a', '"1"')], 'rebuild')).toHaveLength(1);
  expect(await rowsOf('a')).toEqual(['"1" alice current']);
});

describe('the live rows', () => {
  it('come in listing order, with all rows of a key on one page', async () => {
    const names = ['a', 'a/b', 'b', 'é', '\ufffd', '\u{1f511}'];
    for (const name of names) {
      for (const version of ['v1', 'v2', 'v3']) await write(name, `"${name}${version}"`, alice, version);
    }
    await write('other', '"x"', alice, null, 'another-bucket');
    for (const limit of [1, 2, 3, 4, 7, 100]) {
      const keys: string[] = [];
      for (let after: string | null = null; ; ) {
        const page = await versions.liveRows('bucket', after, limit);
        const last: string | undefined = page.at(-1)?.ref.key;
        if (last === undefined) break;
        expect(page.filter((row) => row.ref.key === last)).toHaveLength(3);
        keys.push(...page.map((row) => row.ref.key));
        after = last;
      }
      expect(keys).toEqual(names.flatMap((name) => [name, name, name]));
    }
    expect(await versions.buckets()).toEqual(['another-bucket', 'bucket']);
    expect(await versions.countLive('bucket')).toBe(18);
  });

  it('exclude removed versions', async () => {
    const first = await write('a', '"1"', alice, 'v1');
    await write('a', '"2"', alice, 'v2');
    await versions.markRemoved([first], 'verify');
    expect(await rowsOf('a')).toEqual(['"2" alice current']);
    await recordRemoval(ledger, { bucket: 'bucket', key: 'a' }, 'bob');
    expect(await rowsOf('a')).toEqual(['"2" alice']);
  });
});

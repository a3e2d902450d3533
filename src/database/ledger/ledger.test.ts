import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { KyselyPlugin } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { Clock, Entropy } from '../../model/call.js';
import { parseKeyFingerprint } from '../../model/customer-key.js';
import type { Confirmation, IntentId, KeyLedger, LedgerDirectory, SealedWith } from '../../model/ledger.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyLedger } from './ledger.js';
import { recordRemoval } from './testing/removal.js';

let directory: string;
let db: GatewayDatabase;
let ledger: KeyLedger & LedgerDirectory;
let nowMs: number;
let ids: number;

const clock: Clock = {
  nowMs: () => nowMs,
  monotonicMs: () => nowMs,
  sleep: () => Promise.resolve(),
};
const entropy: Entropy = {
  bytes: (length) => new Uint8Array(length),
  id: () => (ids++).toString(16).padStart(16, '0'),
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-ledger-'));
  nowMs = 1_000;
  ids = 1;
  await reopen();
});
afterEach(async () => {
  await db.close();
  await rm(directory, { recursive: true, force: true });
});

async function reopen(): Promise<void> {
  db = await openTestDatabase(join(directory, 'ledger.db'));
  ledger = createKeyLedger(db, clock, entropy);
}

const keyA: SealedWith = {
  kind: 'sse-c',
  fingerprint: parseKeyFingerprint('a'.repeat(32)),
  keyMd5Base64: 'MD5A',
};
const keyB: SealedWith = {
  kind: 'sse-c',
  fingerprint: parseKeyFingerprint('b'.repeat(32)),
  keyMd5Base64: 'MD5B',
};

const at = (key: string, bucket = 'bucket'): ObjectRef => ({ bucket, key });
const intend = (ref: ObjectRef, sealedWith: SealedWith = keyA): Promise<IntentId> =>
  ledger.intend({ ref, sealedWith, actor: 'bob', requestId: 'req' });
const confirmationOf = (etag: string, size = 1): Confirmation => ({
  size,
  checksum: { algorithm: 'crc32c', value: 0xffffffff },
  etag,
  versionId: null,
  mtimeSeconds: null,
});
const candidateIds = async (ref: ObjectRef): Promise<readonly IntentId[]> =>
  (await ledger.candidates(ref)).map((row) => row.id);

describe('a row', () => {
  it.each<SealedWith>([
    keyA,
    { kind: 'sse-s3' },
    { kind: 'sse-kms', keyArn: 'arn:aws:kms:eu-west-1:111122223333:key/1' },
    { kind: 'bucket-default' },
  ])('is read back as it was intended: $kind', async (sealedWith) => {
    const id = await intend(at('bob/uploads/a'), sealedWith);
    expect(await ledger.candidates(at('bob/uploads/a'))).toEqual([
      {
        id,
        ref: at('bob/uploads/a'),
        sealedWith,
        actor: 'bob',
        requestId: 'req',
        state: 'intended',
        uploadId: null,
        confirmation: null,
        intendedMs: 1_000,
        settledMs: null,
      },
    ]);
  });

  it('keeps its multipart upload and confirmation over a restart', async () => {
    const id = await intend(at('k'));
    await ledger.attachUpload(id, 'upload-1');
    nowMs = 2_000;
    const confirmation: Confirmation = {
      size: 50 * 2 ** 40,
      checksum: { algorithm: 'crc32c', value: 0xffffffff },
      etag: '"e"',
      versionId: 'v1',
      mtimeSeconds: -5,
    };
    await ledger.confirm(id, confirmation);
    await db.close();
    await reopen();
    expect(await ledger.candidates(at('k'))).toMatchObject([
      { id, state: 'confirmed', uploadId: 'upload-1', confirmation, settledMs: 2_000 },
    ]);
  });

  it('can be confirmed without a checksum', async () => {
    await ledger.confirm(await intend(at('d/k')), { ...confirmationOf('1'), checksum: null });
    const expected = { ...confirmationOf('1'), checksum: null };
    expect(await ledger.candidates(at('d/k'))).toMatchObject([
      { state: 'confirmed', confirmation: expected },
    ]);
    expect((await ledger.confirmedBelow('bucket', 'd/')).get('d/k')).toEqual(expected);
  });

  it('can be settled only once', async () => {
    const id = await intend(at('k'));
    await ledger.confirm(id, confirmationOf('1'));
    await expect(ledger.confirm(id, confirmationOf('2'))).rejects.toMatchObject({ kind: 'bug' });
    await expect(ledger.abandon(id)).rejects.toMatchObject({ kind: 'bug' });
    await expect(ledger.attachUpload(id, 'u')).rejects.toMatchObject({ kind: 'bug' });
    await expect(ledger.confirm('unknown' as IntentId, confirmationOf('3'))).rejects.toMatchObject({
      kind: 'bug',
    });
    expect(await ledger.candidates(at('k'))).toMatchObject([{ confirmation: { etag: '1' } }]);
  });

  it('is not a candidate once it is abandoned, which may happen twice', async () => {
    const id = await intend(at('k'));
    await ledger.abandon(id);
    await ledger.abandon(id);
    await expect(ledger.confirm(id, confirmationOf('1'))).rejects.toMatchObject({ kind: 'bug' });
    expect(await candidateIds(at('k'))).toEqual([]);
  });

  it('is never deleted', async () => {
    const first = await intend(at('k'));
    await ledger.confirm(first, confirmationOf('1'));
    await ledger.abandon(await intend(at('k')));
    await recordRemoval(ledger, at('k'), 'bob');
    const rows = await db.read((k) =>
      k
        .selectFrom('sealed_object')
        .select(['state', 'key_fingerprint', 'removed_by'])
        .orderBy('seq')
        .execute(),
    );
    expect(rows).toEqual([
      { state: 'removed', key_fingerprint: 'a'.repeat(32), removed_by: 'bob' },
      { state: 'abandoned', key_fingerprint: 'a'.repeat(32), removed_by: null },
    ]);
  });

  it('refuses values that the database would change', async () => {
    await expect(intend(at('half\ud800'))).rejects.toMatchObject({ kind: 'invalid' });
    await expect(intend(at(''))).rejects.toMatchObject({ kind: 'invalid' });
    const id = await intend(at('k'));
    for (const bad of [
      confirmationOf('1', -1),
      confirmationOf('1', 1.5),
      { ...confirmationOf('1'), checksum: { algorithm: 'crc32', value: 2 ** 32 } as const },
    ]) {
      await expect(ledger.confirm(id, bad)).rejects.toMatchObject({ kind: 'bug' });
    }
  });
});

describe('the candidates of an object', () => {
  it('are only the newest confirmed row after an overwrite', async () => {
    const first = await intend(at('k'), keyA);
    await ledger.confirm(first, confirmationOf('1'));
    const second = await intend(at('k'), keyB);
    await ledger.confirm(second, confirmationOf('2'));
    expect(await candidateIds(at('k'))).toEqual([second]);
  });

  it('include running writes: the confirmed row first, then intended rows, newest first', async () => {
    const done = await intend(at('k'), keyA);
    await ledger.confirm(done, confirmationOf('1'));
    const older = await intend(at('k'), keyB);
    const newer = await intend(at('k'), keyB);
    expect(await candidateIds(at('k'))).toEqual([done, newer, older]);
  });

  it('include an unsettled write that began before the newest confirmation', async () => {
    const lost = await intend(at('k'), keyA);
    const done = await intend(at('k'), keyB);
    await ledger.confirm(done, confirmationOf('2'));
    expect(await candidateIds(at('k'))).toEqual([done, lost]);
  });

  it('include both of two overlapping writes, whichever was confirmed last', async () => {
    const one = await intend(at('k'), keyA);
    const two = await intend(at('k'), keyB);
    await ledger.confirm(two, confirmationOf('2'));
    await ledger.confirm(one, confirmationOf('1'));
    expect(await candidateIds(at('k'))).toEqual([one, two]);
    const three = await intend(at('k'), keyB);
    await ledger.confirm(three, confirmationOf('3'));
    expect(await candidateIds(at('k'))).toEqual([three]);
  });

  it('are none for a removed object until it is written again', async () => {
    await ledger.confirm(await intend(at('k')), confirmationOf('1'));
    await recordRemoval(ledger, at('k'), 'bob');
    expect(await candidateIds(at('k'))).toEqual([]);
    const again = await intend(at('k'));
    await ledger.confirm(again, confirmationOf('2'));
    expect(await candidateIds(at('k'))).toEqual([again]);
  });

  it('distinguish keys and buckets byte by byte', async () => {
    const refs = [at('Key'), at('key'), at('key '), at('k\u00e9y'), at('ke\u0301y'), at('key', 'other')];
    for (const ref of refs) await ledger.confirm(await intend(ref), confirmationOf(ref.key + ref.bucket));
    for (const ref of refs) {
      expect(await ledger.candidates(ref)).toMatchObject([
        { ref, confirmation: { etag: ref.key + ref.bucket } },
      ]);
    }
    await recordRemoval(ledger, at('key'), 'bob');
    expect(await candidateIds(at('Key'))).toHaveLength(1);
  });
});

describe('the pending rows', () => {
  it('are the intended rows from before the given time, oldest first', async () => {
    const ages = [3_000, 1_000, 2_000, 4_000];
    const rows: IntentId[] = [];
    for (const [index, age] of ages.entries()) {
      nowMs = age;
      rows.push(await intend(at(`k${index}`)));
    }
    const settled = await intend(at('settled'));
    await ledger.confirm(settled, confirmationOf('1'));
    expect((await ledger.pending(4_000)).map((row) => row.id)).toEqual([rows[1], rows[2], rows[0]]);
    expect(await ledger.pending(1_000)).toEqual([]);
  });
});

describe('the file times', () => {
  it('are set on the newest row after the upload', async () => {
    await ledger.confirm(await intend(at('d/k')), confirmationOf('1'));
    await ledger.confirm(await intend(at('d/k')), confirmationOf('2'));
    expect(await ledger.recordMtime(at('d/k'), confirmationOf('2').etag, 1_700_000_000)).toBe(true);
    expect(await ledger.confirmedBelow('bucket', 'd/')).toEqual(
      new Map([['d/k', { ...confirmationOf('2'), mtimeSeconds: 1_700_000_000 }]]),
    );
  });

  it('are not kept for an object that the ledger does not know', async () => {
    expect(await ledger.recordMtime(at('foreign'), '"1"', 5)).toBe(false);
    expect(await ledger.candidates(at('foreign'))).toEqual([]);
    await ledger.confirm(await intend(at('k')), confirmationOf('1'));
    expect(await ledger.recordMtime(at('k'), '"another client"', 5)).toBe(false);
    expect((await ledger.candidates(at('k'))).at(0)?.confirmation).toEqual(confirmationOf('1'));
  });
});

describe('confirmedBelow', () => {
  const keysBelow = async (
    prefix: string,
    within?: { first: string; last: string },
  ): Promise<readonly string[]> => [...(await ledger.confirmedBelow('bucket', prefix, within)).keys()].sort();

  beforeEach(async () => {
    const keys = ['u/a', 'u/b', 'u/sub/c', 'u/', 'u/\u{10ffff}', 'ux/d', 'top'];
    for (const key of keys) await ledger.confirm(await intend(at(key)), confirmationOf(key));
    await intend(at('u/intended'));
    await ledger.abandon(await intend(at('u/abandoned')));
    await ledger.confirm(await intend(at('u/a', 'other')), confirmationOf('other'));
    await ledger.confirm(await intend(at('u/removed')), confirmationOf('1'));
    await recordRemoval(ledger, at('u/removed'), 'bob');
  });

  it('returns the objects directly below a directory, and its marker', async () => {
    expect(await keysBelow('u/')).toEqual(['u/', 'u/a', 'u/b', 'u/\u{10ffff}']);
    expect(await keysBelow('u/sub/')).toEqual(['u/sub/c']);
    expect(await keysBelow('')).toEqual(['top']);
    expect(await keysBelow('nothing/')).toEqual([]);
  });

  it('accepts any prefix', async () => {
    expect(await keysBelow('t')).toEqual(['top']);
    expect(await keysBelow('u/a')).toEqual(['u/a']);
    expect(await keysBelow('u')).toEqual([]);
  });

  it('returns one page', async () => {
    expect(await keysBelow('u/', { first: 'u/a', last: 'u/a' })).toEqual(['u/a']);
    expect(await keysBelow('u/', { first: 'u/aa', last: 'u/z' })).toEqual(['u/b']);
  });

  it('returns the last confirmation of each key', async () => {
    await ledger.confirm(await intend(at('u/a')), confirmationOf('newer', 7));
    await intend(at('u/a'));
    expect((await ledger.confirmedBelow('bucket', 'u/')).get('u/a')).toEqual(confirmationOf('newer', 7));
  });
});

/** Checks the same rules over random histories of a few keys with many overlapping writes. */
it('any history leaves the candidates that the rules require', async () => {
  const step = fc.record({
    action: fc.constantFrom('intend', 'intend', 'confirm', 'confirm', 'abandon', 'remove'),
    pick: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.uuid(), async (steps, key) => {
      const ref = at(key);
      interface Write {
        readonly id: IntentId;
        readonly begun: number;
        ended: number;
        state: string;
      }
      const writes: Write[] = [];
      for (const [time, { action, pick }] of steps.entries()) {
        const open = writes.filter((write) => write.state === 'intended');
        const chosen = open[pick % Math.max(1, open.length)];
        if (action === 'intend') {
          writes.push({
            id: await intend(ref),
            begun: time,
            ended: Number.POSITIVE_INFINITY,
            state: 'intended',
          });
        } else if (action === 'remove') {
          await recordRemoval(ledger, ref, 'bob');
          for (const write of writes) if (write.state === 'confirmed') write.state = 'removed';
        } else if (chosen !== undefined) {
          if (action === 'confirm') await ledger.confirm(chosen.id, confirmationOf('x'));
          else await ledger.abandon(chosen.id);
          chosen.state = action === 'confirm' ? 'confirmed' : 'abandoned';
          chosen.ended = time;
        }
      }
      const confirmed = writes
        .filter((write) => write.state === 'confirmed')
        .sort((a, b) => b.ended - a.ended);
      const newest = confirmed[0];
      const wanted = [
        ...confirmed.filter((write) => newest !== undefined && write.ended >= newest.begun),
        ...writes.filter((write) => write.state === 'intended'),
      ].map((write) => write.id);
      const found = await candidateIds(ref);
      expect([...found].sort()).toEqual(wanted.sort());
      expect(found[0]).toBe(newest?.id ?? found[0]);
    }),
    { numRuns: 60 },
  );
});

describe('a row that is confirmed while the candidates are read', () => {
  it('is among them, whichever query it is confirmed after', async () => {
    for (const queries of [0, 1, 2]) {
      const ref = at(`confirmed after ${queries} queries`);
      const id = await intend(ref);
      let seen = 0;
      const confirming: KyselyPlugin = {
        transformQuery: ({ node }) => node,
        async transformResult({ result }) {
          seen += 1;
          if (seen === queries) await ledger.confirm(id, confirmationOf('e'));
          return result;
        },
      };
      const watched: GatewayDatabase = {
        engine: db.engine,
        owner: db.owner,
        lost: db.lost,
        read: (work) => db.read((open) => work(open.withPlugin(confirming))),
        write: (work) => db.write(work),
        writeSoon: (work) => db.writeSoon(work),
        probe: (signal) => db.probe(signal),
        weaknesses: () => db.weaknesses(),
        close: () => db.close(),
      };
      const rows = await createKeyLedger(watched, clock, entropy).candidates(ref);
      expect(rows.map((row) => row.id)).toEqual([id]);
    }
  });
});

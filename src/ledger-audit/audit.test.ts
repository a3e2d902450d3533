import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../test/support/test-database.js';
import { systemEntropy } from '../assembly/system.js';
import { checksumOf } from '../bytes/running-checksum.js';
import type { GatewayDatabase } from '../database/database.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { createKeyLedger } from '../database/ledger/ledger.js';
import { recordRemoval } from '../database/ledger/testing/removal.js';
import { createLedgerVersions } from '../database/ledger/versions.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { KeyLedger, KeyUsage, LedgerVersions } from '../model/ledger.js';
import { sealedWith } from '../vault/sealed-with.js';
import { MemoryStore } from '../vault/testing/memory-store.js';
import { call, keyNamed, quickClock } from '../vault/testing/vault-world.js';
import type { AuditFinding, AuditServices } from './findings.js';
import { proveKeyUnused } from './prove-unused.js';
import { rebuildLedger } from './rebuild.js';
import { type VerifyRequest, type VerifyState, verifyLedger } from './verify.js';

const [alice, bob, carol] = [keyNamed('alice'), keyNamed('bob'), keyNamed('carol')];
const buckets = ['bucket'];

let directory: string;
let db: GatewayDatabase;
let store: MemoryStore;
let ledger: KeyLedger;
let versions: LedgerVersions;
let usage: KeyUsage;
let services: AuditServices & { usage: KeyUsage };
let nowMs = 1_000;

/** Findings of the last run, each as kind, key and key's name. */
let findings: string[] = [];

beforeEach(() => {
  nowMs = 1_000;
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-audit-'));
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true });
});

async function open(versioned: boolean, keys: readonly CustomerKey[] = [alice, bob]): Promise<void> {
  store = new MemoryStore({ versioned, nowMs: () => nowMs });
  await openLedger('ledger');
  const described = keys.map((key) => ({ id: key.fingerprint, state: 'active' as const }));
  services = {
    ...services,
    store,
    keys: {
      list: async () => described,
      open: async (id) => keys.find((key) => key.fingerprint === id) ?? null,
    },
  };
}

/** Opens the ledger of this name. A new name is a new, empty ledger. */
async function openLedger(name: string): Promise<void> {
  if (name !== 'ledger') await db.close();
  db = await openTestDatabase(join(directory, name));
  const clock = { ...quickClock, nowMs: () => nowMs };
  ledger = createKeyLedger(db, clock, systemEntropy);
  versions = createLedgerVersions(db, clock, systemEntropy);
  usage = createKeyUsage(db, clock);
  services = { ...services, versions, usage, clock, entropy: systemEntropy };
}

const sseC = (key: CustomerKey): WriteEncryption => ({ kind: 'sse-c', key });
const at = (key: string) => ({ bucket: 'bucket', key });

function put(key: string, encryption: WriteEncryption, text = key) {
  nowMs += 1;
  const bytes = Buffer.from(text);
  const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
  const metadata = { mtime: '77.5' };
  return store.put(call(), at(key), body, { encryption, acl: null, metadata, contentType: null });
}

/** Writes an object and its row as the vault does. */
async function write(key: string, encryption: WriteEncryption, text = key): Promise<string> {
  const intent = { ref: at(key), sealedWith: sealedWith(encryption), actor: 'bob', requestId: 'r' };
  const id = await ledger.intend(intent);
  const { etag, versionId, checksum } = await put(key, encryption, text);
  await ledger.confirm(id, {
    size: Buffer.byteLength(text),
    checksum,
    etag,
    versionId,
    mtimeSeconds: null,
  });
  return id;
}

function rebuild() {
  findings = [];
  return rebuildLedger(services, call(), { buckets, actor: 'rebuild', found: note, batch: 50 });
}

function verify(more: Partial<VerifyRequest> = {}) {
  findings = [];
  const request = {
    batch: 50,
    buckets,
    sample: null,
    reads: false,
    from: null,
    actor: 'verify',
    found: note,
  };
  return verifyLedger(services, call(), { ...request, ...more });
}

function prove(key: CustomerKey) {
  return proveKeyUnused(services, call(), { keyId: key.fingerprint, buckets, actor: 'proof' });
}

function note({ kind, ref, keyId }: AuditFinding): void {
  findings.push(`${kind} ${ref.key} ${keyId === null ? '' : nameOf(keyId)}`.trim());
}

function nameOf(fingerprint: string): string {
  const names = { alice, bob, carol };
  const found = Object.entries(names).find(([, key]) => key.fingerprint === fingerprint);
  return found?.[0] ?? fingerprint;
}

async function removeTags(): Promise<void> {
  for (const [name, stored] of store.objects) {
    store.objects.set(
      name,
      stored.map((one) => ({ ...one, tags: {} })),
    );
  }
}

/** Returns every row whose version S3 may hold. These rows decide which keys must be kept. */
async function rows(): Promise<readonly string[]> {
  return (await versions.liveRows('bucket', null, 10_000)).map(
    ({ ref, sealedWith: by, isCurrent, confirmation }) =>
      `${ref.key} ${by.kind === 'sse-c' ? nameOf(by.fingerprint) : by.kind}${isCurrent ? ' current' : ''} ${confirmation?.size}`,
  );
}

async function many(): Promise<void> {
  const names = Array.from({ length: 40 }, (_, index) => `${index % 3}/é${index}`);
  for (const [index, name] of names.entries()) await write(name, sseC(index % 3 === 0 ? alice : bob));
  await write('plain', { kind: 'sse-s3' });
  await write('1/é1', sseC(alice), 'written again');
}

describe.each([
  ['without versioning', false],
  ['with versioning', true],
])('a lost ledger, in a bucket %s,', (_, versioned) => {
  it.each([
    ['by the tags', true],
    ['by trying keys where there are no tags', false],
  ])('is rebuilt %s', async (_how, tagged) => {
    await open(versioned);
    await many();
    const before = await rows();
    if (!tagged) await removeTags();
    await openLedger('another');
    const report = await rebuild();
    expect(findings).toEqual([]);
    expect((await rows()).toSorted()).toEqual(before.toSorted());
    const count = before.length;
    expect(report).toMatchObject({ versions: count, known: 0, gone: 0, unopened: 0, restoredWithoutKey: 1 });
    expect(report[tagged ? 'restoredByTag' : 'restoredByTrial']).toBe(count - 1);
    const [row] = await ledger.candidates(at('0/é3'));
    expect(row?.confirmation).toMatchObject({
      mtimeSeconds: 77,
      checksum: checksumOf('crc32c', Buffer.from('0/é3')),
    });
    expect(await verify({ reads: true })).toMatchObject({ findings: 0, opened: count, foreignWithoutKey: 0 });
  });

  it('is not changed by a second rebuild', async () => {
    await open(versioned);
    await many();
    await openLedger('another');
    await rebuild();
    const before = await rows();
    const asked = store.count('head') + store.count('getTags');
    expect(await rebuild()).toMatchObject({ known: before.length, restoredByTag: 0, gone: 0 });
    expect(await rows()).toEqual(before);
    expect(store.count('head') + store.count('getTags')).toBe(asked);
  });

  it('is rebuilt from the point of interruption', async () => {
    await open(versioned);
    for (let index = 0; index < 120; index += 1) await put(`k${index}`, sseC(alice));
    await openLedger('another');
    let heads = 0;
    store.hooks.before = (operation) => {
      if (operation === 'head' && ++heads === 110) throw new Fault('unavailable', 'S3 is unavailable');
    };
    await expect(rebuild()).rejects.toMatchObject({ kind: 'unavailable' });
    const done = await versions.countLive('bucket');
    expect(done).toBe(100);
    expect(await rebuild()).toMatchObject({ known: 100, restoredByTag: 20 });
  });
});

describe('a rebuild', () => {
  it('reports objects that no key opens, and restores the rest', async () => {
    await open(false);
    await put('a', sseC(alice));
    await put('b', sseC(carol));
    await put('c', sseC(carol));
    await store.putTags(call(), at('c'), {});
    expect(await rebuild()).toMatchObject({ unopened: 2, restoredByTag: 1 });
    expect(findings.toSorted()).toEqual(['no-key b carol', 'no-key c']);
    expect(await rows()).toEqual(['a alice current 1']);
  });

  it('trusts a tag only if its key opens the object', async () => {
    await open(false);
    await put('a', sseC(bob));
    await store.putTags(call(), at('a'), { 'sftpgw-key': alice.fingerprint });
    expect(await rebuild()).toMatchObject({ restoredByTag: 0, restoredByTrial: 1 });
    expect(await rows()).toEqual(['a bob current 1']);
  });

  it('settles rows whose object was removed, and records objects of other clients', async () => {
    await open(false);
    await write('removed', sseC(alice));
    await write('replaced', sseC(alice));
    await store.remove(call(), at('removed'));
    await put('replaced', sseC(bob), 'by another client');
    nowMs += 1;
    expect(await rebuild()).toMatchObject({ gone: 2, restoredByTag: 1 });
    expect(await rows()).toEqual(['replaced bob current 17']);
  });

  it('keeps what the gateway writes in the meantime', async () => {
    await open(false);
    await put('a', sseC(alice));
    await put('b', sseC(alice));
    let isWritten = false;
    store.hooks.before = async (operation) => {
      if (operation !== 'getTags' || isWritten) return;
      isWritten = true;
      await write('a', sseC(bob), 'newer');
      await write('c', sseC(bob), 'new');
    };
    expect(await rebuild()).toMatchObject({ gone: 0 });
    expect(await rows()).toEqual(['a bob current 5', 'b alice current 1', 'c bob current 3']);
  });

  it('stops reading tags after a refusal', async () => {
    await open(false);
    for (const name of ['a', 'b', 'c']) await put(name, sseC(alice));
    store.hooks.before = (operation) => {
      if (operation === 'getTags') throw new Fault('denied', 'no');
    };
    const report = await rebuildLedger(services, call(), { buckets, actor: 'rebuild', parallel: 1 });
    expect(report).toMatchObject({ restoredByTrial: 3 });
    expect(store.count('getTags')).toBe(1);
  });
});

describe('a verification', () => {
  it('finds nothing in a correct ledger, in full and by sampling', async () => {
    await open(true);
    await many();
    await recordRemoval(ledger, at('plain'), 'bob');
    await store.remove(call(), at('plain'));
    expect(await verify({ reads: true })).toMatchObject({ versions: 42, opened: 42, findings: 0 });
    const heads = store.count('head');
    expect(await verify({ sample: 5 })).toMatchObject({ versions: 42, opened: 5, findings: 0 });
    expect(store.count('head') - heads).toBe(5);
  });

  it('finds versions that are missing, foreign, or have another key, size or content', async () => {
    await open(false);
    for (const name of ['fine', 'missing', 'wrong-key', 'size', 'sum', 'content', 'lost-key']) {
      await write(name, sseC(name === 'lost-key' ? carol : alice));
    }
    await store.remove(call(), at('missing'));
    await put('foreign', sseC(bob));
    await put('plain', { kind: 'sse-s3' });
    const change = (name: string, to: Partial<NonNullable<ReturnType<MemoryStore['infoOf']>>>) => {
      const [stored] = store.objects.get(`bucket/${name}`) ?? [];
      if (stored !== undefined) {
        store.objects.set(`bucket/${name}`, [{ ...stored, info: { ...stored.info, ...to } }]);
      }
    };
    change('size', { size: 5 });
    change('sum', { checksum: { algorithm: 'crc32c', value: 5 } });
    const [stored] = store.objects.get('bucket/content') ?? [];
    if (stored !== undefined) {
      store.objects.set('bucket/content', [{ ...stored, bytes: Buffer.from('CONTENT') }]);
    }
    const [sealed] = store.objects.get('bucket/wrong-key') ?? [];
    if (sealed !== undefined) {
      const encryption = sseC(bob);
      const info = {
        ...sealed.info,
        encryption: { kind: 'sse-c', keyMd5Base64: bob.md5Base64 },
      } as const;
      store.objects.set('bucket/wrong-key', [{ ...sealed, info, encryption }]);
    }
    nowMs += 1;
    const wrong = [
      'foreign foreign bob',
      'missing missing alice',
      'no-key lost-key carol',
      'wrong-checksum sum alice',
      'wrong-key wrong-key alice',
      'wrong-size size alice',
    ];
    expect(await verify()).toMatchObject({ findings: wrong.length, foreignWithoutKey: 1 });
    expect(findings.toSorted()).toEqual(wrong);
    await verify({ reads: true });
    expect(findings.toSorted()).toEqual([...wrong, 'wrong-checksum content alice'].toSorted());
    await rebuild();
    await verify();
    expect(findings).not.toContain('foreign foreign bob');
    expect(findings).not.toContain('missing missing alice');
  });

  it('does not mistake a write in the meantime for a difference', async () => {
    await open(false);
    await write('a', sseC(alice));
    await write('b', sseC(alice));
    await ledger.intend({ ref: at('d'), sealedWith: sealedWith(sseC(bob)), actor: 'b', requestId: 'r' });
    await put('d', sseC(bob));
    let isDone = false;
    store.hooks.after = async (operation) => {
      if (operation !== 'listVersions' || isDone) return;
      isDone = true;
      await write('a', sseC(bob), 'newer');
      await write('c', sseC(bob));
      await store.remove(call(), at('b'));
      await recordRemoval(ledger, at('b'), 'bob');
    };
    expect(await verify()).toMatchObject({ findings: 0, pending: 1 });
  });

  it('continues if a rotation encrypts an object again between its check and its read', async () => {
    await open(false);
    for (const name of ['a', 'b']) await write(name, sseC(alice));
    let isDone = false;
    store.hooks.before = async (operation) => {
      if (operation !== 'read' || isDone) return;
      isDone = true;
      await write('a', sseC(bob));
      await write('b', sseC(bob));
    };
    expect(await verify({ reads: true, parallel: 1 })).toMatchObject({ versions: 2, findings: 0 });
  });

  it('settles older versions that a lifecycle rule removed', async () => {
    await open(true);
    await write('a', sseC(alice));
    await write('a', sseC(bob));
    const [older] = store.objects.get('bucket/a') ?? [];
    await store.remove(call(), at('a'), { versionId: older?.info.versionId ?? '' });
    expect(await rows()).toEqual(['a bob current 1', 'a alice 1']);
    nowMs += 1;
    expect(await verify()).toMatchObject({ findings: 0, olderVersionsGone: 1 });
    expect(await rows()).toEqual(['a bob current 1']);
    expect(await usage.needs(alice.fingerprint, null, 10)).toEqual([]);
  });

  it('resumes after an interruption with its counts and sample', async () => {
    await open(false);
    for (let index = 0; index < 120; index += 1) await write(`k${index}`, sseC(alice), 'x');
    await store.remove(call(), at('k0'));
    await store.remove(call(), at('k99'));
    nowMs += 1;
    let state: VerifyState | null = null;
    const checkpoint = async (reached: VerifyState) => {
      state = reached;
      if (reached.counts.versions > 90) throw new Fault('cancelled', 'interrupted');
    };
    await expect(verify({ sample: 60, checkpoint })).rejects.toMatchObject({ kind: 'cancelled' });
    const first = [...findings];
    const kept: VerifyState = JSON.parse(JSON.stringify(state));
    const counts = await verify({ sample: 60, from: kept });
    expect(counts).toMatchObject({ versions: 118, findings: 2 });
    expect(counts.opened).toBeGreaterThan(57);
    expect(counts.opened).toBeLessThanOrEqual(60);
    expect([...first, ...findings].toSorted()).toEqual(['missing k0 alice', 'missing k99 alice']);
  });
});

describe('the proof that a key is unused, with a check of all buckets,', () => {
  it('is given if every version has another key or none', async () => {
    await open(true);
    await write('a', sseC(bob));
    await put('b', { kind: 'sse-s3' });
    await put('c', sseC(carol));
    expect(await prove(alice)).toMatchObject({ kind: 'unused', proof: { keyId: alice.fingerprint } });
    await expect(write('d', sseC(alice))).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('finds versions unknown to the ledger: objects of other clients, and older versions', async () => {
    await open(true);
    await put('by another', sseC(alice));
    await put('versions', sseC(alice));
    await put('versions', sseC(bob));
    await write('deleted', sseC(alice));
    await store.remove(call(), at('deleted'));
    await recordRemoval(ledger, at('deleted'), 'bob');
    const outcome = await prove(alice);
    expect(outcome).toMatchObject({
      kind: 'needed',
      needs: [
        { ref: at('by another'), state: 'current' },
        { ref: at('deleted'), state: 'older-version' },
        { ref: at('versions'), state: 'older-version' },
      ],
    });
    await write('still', sseC(alice));
  });

  it('is given as soon as the last version is removed', async () => {
    await open(true);
    await write('a', sseC(alice));
    await write('a', sseC(bob));
    expect(await prove(alice)).toMatchObject({ kind: 'needed', needs: [{ ref: at('a') }] });
    const [older] = store.objects.get('bucket/a') ?? [];
    await store.remove(call(), at('a'), { versionId: older?.info.versionId ?? '' });
    nowMs += 1;
    expect(await prove(alice)).toMatchObject({ kind: 'unused' });
  });

  it('is refused during a write, and for a key or bucket that is not available', async () => {
    await open(false);
    await ledger.intend({ ref: at('a'), sealedWith: sealedWith(sseC(alice)), actor: 'b', requestId: 'r' });
    expect(await prove(alice)).toMatchObject({ kind: 'needed', needs: [{ state: 'intended' }] });
    await expect(prove(carol)).rejects.toMatchObject({ kind: 'key-missing' });
    const elsewhere = { keyId: bob.fingerprint, buckets: ['elsewhere'], actor: 'proof' };
    await expect(proveKeyUnused(services, call(), elsewhere)).rejects.toMatchObject({ kind: 'not-found' });
  });
});

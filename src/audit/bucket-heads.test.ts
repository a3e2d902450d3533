import { beforeEach, describe, expect, it } from 'vitest';
import { checksumOf } from '../bytes/running-checksum.js';
import { createAuditSigner } from '../keyring/audit-signer.js';
import type { AuditHead } from '../model/audit.js';
import type { RetainedObjects } from '../model/bucket.js';
import { Fault } from '../model/fault.js';
import { MemoryStore } from '../vault/testing/memory-store.js';
import { call } from '../vault/testing/vault-world.js';
import { BucketHeads, headsPrefix } from './bucket-heads.js';

const node = '0123456789abcdef';
const day = 86_400_000;
const nowMs = Date.UTC(2026, 10, 30, 12);
const head = (seq: number): AuditHead => ({ seq, hash: `hash ${seq}` });
const nameOf = (date: string, of = node) => `${headsPrefix}HEAD-${date}-${of}.json`;
const identity = (secret: string | null) => ({
  read: async () => (secret === null ? null : { secret, recipient: 'age1' }),
});

let store: MemoryStore;
let retained: { key: string; text: string; untilMs: number }[];
let hasLock: boolean;
beforeEach(() => {
  store = new MemoryStore({ bucket: 'bucket' });
  retained = [];
  hasLock = false;
});

const locked: RetainedObjects = {
  hasObjectLock: async () => hasLock,
  putRetained: async (_call, { key }, bytes, untilMs) => {
    if (retained.some((one) => one.key === key)) throw new Fault('exists', 'it exists');
    retained.push({ key, text: Buffer.from(bytes).toString(), untilMs });
  },
};

/** Returns the heads of a gateway with this identity; without one, they are not signed. */
function heads(secret: string | null = 'mine'): BucketHeads {
  const signer = createAuditSigner(identity(secret) as Parameters<typeof createAuditSigner>[0]);
  return new BucketHeads({ store, retained: locked, signer, bucket: 'bucket', node });
}

const textOf = (key: string) => store.contentOf({ bucket: 'bucket', key })?.toString() ?? '';
async function put(key: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
  const encryption = { kind: 'bucket-default' } as const;
  await store.put(call(), { bucket: 'bucket', key }, body, {
    encryption,
    acl: null,
    metadata: {},
    contentType: null,
  });
}

/** The rows of the trail from `first` on. */
const trail = (first: number, last: number) => ({
  hashOf: async (seq: number) => (seq >= first && seq <= last ? `hash ${seq}` : null),
});
const verify = (of: BucketHeads, { first = 1, last = 100 } = {}) =>
  of.verify(call(), trail(first, last), first);
const rewritten = (seq: number) => ({ kind: 'rewritten', seq, text: expect.stringContaining(headsPrefix) });

describe('the head of a day', () => {
  it('is stored once, with the node and the date in its name', async () => {
    expect(await heads().write(call(), head(7), nowMs, day)).toBe(true);
    const first = textOf(nameOf('2026-11-30'));
    expect(JSON.parse(first)).toMatchObject({ seq: 7, hash: 'hash 7', timeMs: nowMs, node });
    expect(await heads().write(call(), head(8), nowMs + 1, day)).toBe(false);
    expect(textOf(nameOf('2026-11-30'))).toBe(first);
    expect(await heads().write(call(), head(8), nowMs + day, day)).toBe(true);
    expect(retained).toEqual([]);
  });

  it('cannot be removed for its time in a bucket with Object Lock', async () => {
    hasLock = true;
    expect(await heads().write(call(), head(7), nowMs, 3 * day)).toBe(true);
    expect(await heads().write(call(), head(7), nowMs, 3 * day)).toBe(false);
    expect(retained).toMatchObject([{ key: nameOf('2026-11-30'), untilMs: nowMs + 3 * day }]);
    expect(JSON.parse(retained[0]?.text ?? '')).toMatchObject({ seq: 7 });
    expect(store.objects.size).toBe(0);
  });

  it('is not stored if S3 refuses it', async () => {
    store.hooks.before = () => {
      throw new Fault('denied', 'no');
    };
    await expect(heads().write(call(), head(7), nowMs, day)).rejects.toMatchObject({ kind: 'denied' });
  });
});

describe('the verification of the heads', () => {
  it('compares each of them with the trail', async () => {
    for (let at = 1; at <= 3; at += 1) await heads().write(call(), head(10 * at), nowMs + at * day, day);
    await put('other/HEAD-2026-11-30-x.json', 'not below the prefix');
    expect(await verify(heads())).toEqual({ heads: 3, problem: null });
    expect(await verify(heads(), { last: 25 })).toEqual({ heads: 3, problem: rewritten(30) });
    const other = { hashOf: async (seq: number) => (seq === 20 ? 'another' : `hash ${seq}`) };
    expect(await heads().verify(call(), other, 1)).toEqual({ heads: 2, problem: rewritten(20) });
  });

  it('ignores rows that were pruned by age, and the head of an empty trail', async () => {
    await heads().write(call(), head(0), nowMs, day);
    await heads().write(call(), head(10), nowMs + day, day);
    await heads().write(call(), head(20), nowMs + 2 * day, day);
    expect(await verify(heads(), { first: 11 })).toEqual({ heads: 3, problem: null });
    expect(await verify(heads(), { first: 20 })).toEqual({ heads: 3, problem: null });
    // The row 20 is the first that the trail has to have.
    const without = { hashOf: async () => null };
    expect(await heads().verify(call(), without, 20)).toEqual({ heads: 3, problem: rewritten(20) });
    expect(await heads().verify(call(), without, 21)).toEqual({ heads: 3, problem: null });
    expect(await heads().verify(call(), without, null)).toEqual({ heads: 2, problem: rewritten(10) });
  });

  it.each([
    ['another row', (text: string) => text.replace('"seq": 20', '"seq": 10').replace('hash 20', 'hash 10')],
    ['another time', (text: string) => text.replace(String(nowMs + day), String(nowMs))],
    ['another node', (text: string) => text.replace(node, 'f'.repeat(16))],
    ['another signature', (text: string) => text.replace(/"signature": "..../, '"signature": "AAAA')],
    ['another key', (text: string) => text.replace(/"publicKey": "..../, '"publicKey": "AAAA')],
    ['no signature', (text: string) => text.replace(/,\s*"signature": "[^"]*"/, '')],
    ['neither key nor signature', (text: string) => text.replace(/,\s*"publicKey[^}]*/, '')],
    ['another format', (text: string) => text.replace('audit head 1', 'audit head 2')],
    ['a text as its row', (text: string) => text.replace('"seq": 20', '"seq": "20"')],
    ['a number as its hash', (text: string) => text.replace('"hash 20"', '20')],
    ['a text as its time', (text: string) => text.replace(String(nowMs + day), `"${nowMs + day}"`)],
    ['a number as its node', (text: string) => text.replace(`"${node}"`, '7')],
    ['half of its text', (text: string) => text.slice(0, text.length / 2)],
    ['too much text', (text: string) => `${text}${' '.repeat(64 * 1024)}`],
  ])('finds a head with %s', async (_what, forge) => {
    await heads().write(call(), head(10), nowMs, day);
    await heads().write(call(), head(20), nowMs + day, day);
    const key = nameOf('2026-12-01');
    expect(forge(textOf(key))).not.toBe(textOf(key));
    await put(key, forge(textOf(key)));
    const { heads: read, problem } = await verify(heads());
    expect([read, problem]).toEqual([2, rewritten(0)]);
  });

  it('accepts heads without a signature only before the first one with it', async () => {
    await heads(null).write(call(), head(10), nowMs, day);
    await heads('mine').write(call(), head(20), nowMs + day, day);
    expect(await verify(heads())).toEqual({ heads: 2, problem: null });
    expect(await verify(heads('another'))).toEqual({ heads: 2, problem: rewritten(0) });
    await heads(null).write(call(), head(30), nowMs + 2 * day, day);
    expect(await verify(heads())).toEqual({ heads: 3, problem: rewritten(0) });
  });

  it('ends if a head disappears meanwhile', async () => {
    await heads().write(call(), head(10), nowMs, day);
    store.hooks.before = async (operation, ref) => {
      if (operation !== 'read') return;
      store.hooks = {};
      await store.remove(call(), ref);
    };
    await expect(verify(heads())).rejects.toMatchObject({ kind: 'conflict' });
  });
});

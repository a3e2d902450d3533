import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import { keyTagName } from '../model/object-store.js';
import { call, refOf } from '../vault/testing/vault-world.js';
import { type ListEntry, listEntries, type ObjectListRequest } from './listing.js';
import { annKey, bobKey, foreignKey, ObjectWorld, sealed } from './testing/object-world.js';

let world: ObjectWorld;
beforeEach(async () => {
  world = await ObjectWorld.open();
});
afterEach(() => world[Symbol.asyncDispose]());

async function list(request: Partial<ObjectListRequest> = {}): Promise<ListEntry[]> {
  const all = { bucket: 'bucket', prefix: '', recursive: true, versions: false, ...request };
  const entries: ListEntry[] = [];
  for await (const entry of listEntries(world.services, call(), all)) entries.push(entry);
  return entries;
}

const found = (entry: ListEntry | undefined) => (entry?.kind === 'object' ? entry.encryption : null);

describe('a listing', () => {
  it('shows key and encryption from the ledger without a request for each object', async () => {
    for (let index = 0; index < 40; index += 1) {
      await world.upload(`bob/uploads/${String(index).padStart(2, '0')}`, 'x', sealed(bobKey));
    }
    await world.upload('kim/uploads/a', 'x', { kind: 'sse-s3' });
    world.store.counts.clear();
    const entries = await list();
    expect(entries).toHaveLength(41);
    expect(found(entries[0])).toEqual({
      kind: 'sse-c',
      keyId: bobKey.fingerprint,
      label: 'a label',
      keyState: 'active',
      source: 'ledger',
    });
    expect(found(entries[40])).toEqual({ kind: 'sse-s3' });
    expect(Object.fromEntries(world.store.counts)).toEqual({ list: 1 });
  });

  it('finds the key of objects from other clients, and reports those that no available key opens', async () => {
    await world.putForeign('a', 'x', sealed(annKey));
    await world.putForeign('b', 'x', { kind: 'sse-s3' });
    await world.putForeign('c', 'x', sealed(foreignKey));
    await world.putForeign('d', 'x', sealed(foreignKey));
    await world.store.putTags(call(), refOf('d'), { [keyTagName]: foreignKey.fingerprint });
    const [a, b, c, d] = await list();
    expect(found(a)).toMatchObject({ kind: 'sse-c', keyId: annKey.fingerprint, source: 'store' });
    expect(found(b)).toEqual({ kind: 'sse-s3' });
    expect(found(c)).toEqual({ kind: 'sse-c-unknown-key' });
    expect(found(d)).toMatchObject({ keyId: foreignKey.fingerprint, keyState: null, source: 'tag' });
  });

  it('ignores the ledger for an object that another client replaced', async () => {
    await world.upload('bob/uploads/a', 'x', sealed(bobKey));
    await world.putForeign('bob/uploads/a', 'y', sealed(annKey));
    expect(found((await list())[0])).toMatchObject({ keyId: annKey.fingerprint, source: 'store' });
  });

  it('continues if one object cannot be inspected, and reports why', async () => {
    await world.putForeign('a', 'x', { kind: 'sse-s3' });
    await world.putForeign('b', 'x', { kind: 'sse-s3' });
    world.store.hooks.before = (operation, ref) => {
      if (operation === 'head' && ref.key === 'a') throw new Fault('denied', 'not for you');
    };
    const [a, b] = await list();
    expect(found(a)).toEqual({ kind: 'not-known', why: 'not for you' });
    expect(found(b)).toEqual({ kind: 'sse-s3' });
  });

  it('stops asking for tags after a refusal', async () => {
    for (const key of ['a', 'b', 'c']) await world.putForeign(key, 'x', sealed(foreignKey));
    world.store.counts.clear();
    world.store.hooks.before = (operation) => {
      if (operation === 'getTags') throw new Fault('denied', 'no s3:GetObjectTagging');
    };
    const entries = await list();
    expect(entries.map(found)).toEqual(entries.map(() => ({ kind: 'sse-c-unknown-key' })));
    // Objects inspected in parallel had asked already.
    expect(world.store.count('getTags')).toBeLessThanOrEqual(3);
    world.store.counts.clear();
  });

  it('shows one level with its directories, sorted by name', async () => {
    for (const key of ['a', 'b/1', 'b/2', 'b0', 'c/', 'd'])
      await world.putForeign(key, 'x', { kind: 'sse-s3' });
    const entries = await list({ recursive: false });
    expect(entries.map(({ kind, key }) => `${kind} ${key}`)).toEqual([
      'object a',
      'directory b/',
      'object b0',
      'directory c/',
      'object d',
    ]);
    expect((await list({ recursive: false, prefix: 'b/' })).map(({ key }) => key)).toEqual(['b/1', 'b/2']);
  });

  it('streams, requesting a page after the previous one is consumed', async () => {
    for (let index = 0; index < 1_100; index += 1) {
      await world.putForeign(`k${String(index).padStart(4, '0')}`, '', { kind: 'sse-s3' });
    }
    world.store.counts.clear();
    const request = { bucket: 'bucket', prefix: '', recursive: true, versions: false };
    let taken = 0;
    for await (const _ of listEntries(world.services, call(), request)) {
      taken += 1;
      if (taken === 1_000) expect(world.store.count('list')).toBe(1);
    }
    expect(taken).toBe(1_100);
    expect(world.store.count('list')).toBe(2);
  });
});

describe('a listing of versions', () => {
  beforeEach(async () => {
    await world[Symbol.asyncDispose]();
    world = await ObjectWorld.open({ versioned: true });
  });

  it('names the key of each version, older and removed ones included', async () => {
    await world.upload('a', 'one', sealed(bobKey));
    await world.upload('a', 'two', sealed(annKey));
    await world.putForeign('a', 'three', sealed(bobKey));
    await world.vault.remove(call(), refOf('a'), 'bob');
    const entries = await list({ versions: true });
    expect(entries.map(({ kind }) => kind)).toEqual(['delete-marker', 'object', 'object', 'object']);
    expect(entries.slice(1).map(found)).toMatchObject([
      { keyId: bobKey.fingerprint, source: 'store' },
      { keyId: annKey.fingerprint, source: 'ledger' },
      { keyId: bobKey.fingerprint, source: 'ledger' },
    ]);
    expect(entries[0]).toMatchObject({ version: { isLatest: true } });
  });

  it('shows one level with each directory once', async () => {
    await world.upload('a', 'x', sealed(bobKey));
    await world.upload('b/1', 'x', sealed(bobKey));
    await world.upload('b/1', 'y', sealed(bobKey));
    await world.upload('b/2', 'x', sealed(bobKey));
    const entries = await list({ versions: true, recursive: false });
    expect(entries.map(({ kind, key }) => `${kind} ${key}`)).toEqual(['object a', 'directory b/']);
  });
});

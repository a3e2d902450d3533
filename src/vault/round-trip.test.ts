import { describe, expect, it } from 'vitest';
import { noKey, type WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { ObjectStore } from '../model/object-store.js';
import { type RoundTripStep, tryRoundTrip } from './round-trip.js';
import { MemoryStore, type StoreOperation } from './testing/memory-store.js';
import { aliceEncryption, call, seededEntropy } from './testing/vault-world.js';

const steps: Record<StoreOperation, RoundTripStep | null> = {
  put: 'write',
  read: 'read',
  head: 'refusal without the key',
  copy: 'copy',
  remove: 'remove',
  begin: null,
  part: null,
  copyRange: null,
  complete: null,
  abort: null,
  list: null,
  listUploads: null,
  listVersions: null,
  getTags: null,
  getAcl: null,
  putTags: null,
};

function trip(store: ObjectStore, encryption: WriteEncryption = aliceEncryption, signal?: AbortSignal) {
  const request = { bucket: 'bucket', prefix: 'alice/', encryption, acl: 'public-read' as const };
  return tryRoundTrip(store, seededEntropy('trip'), call(signal), request);
}

/** Returns the store with one method replaced. */
function changed(store: MemoryStore, change: Partial<ObjectStore>): ObjectStore {
  const bound = {
    checksumAlgorithm: store.checksumAlgorithm,
    put: store.put.bind(store),
    head: store.head.bind(store),
    read: store.read.bind(store),
    copy: store.copy.bind(store),
    remove: store.remove.bind(store),
  };
  return { ...bound, ...change } as ObjectStore;
}

describe('the test of a prefix', () => {
  it.each<WriteEncryption>([aliceEncryption, { kind: 'sse-s3' }, { kind: 'bucket-default' }])(
    'finds no problem in S3, and leaves nothing: %o',
    async (encryption) => {
      const store = new MemoryStore();
      expect(await trip(store, encryption)).toEqual([]);
      expect(store.objects.size).toBe(0);
      const isCustomer = encryption.kind === 'sse-c';
      expect([store.count('put'), store.count('read'), store.count('copy'), store.count('remove')]).toEqual([
        1, 2, 1, 2,
      ]);
      expect(store.count('head')).toBe(isCustomer ? 3 : 1);
    },
  );

  it('writes below the prefix with the name of a test, the encryption and the ACL of the user', async () => {
    const store = new MemoryStore();
    const seen: string[] = [];
    store.hooks.after = async (operation, ref) => {
      if (operation !== 'put' && operation !== 'copy') return;
      seen.push(ref.key);
      expect(await store.getAcl(call(), ref)).toBe('public-read');
      expect(store.encryptionOf(ref)).toEqual(aliceEncryption);
    };
    await trip(store);
    expect(seen[0]).toMatch(/^alice\/\.sftpgw-doctor-[0-9a-f]{16}$/);
    expect(seen[1]).toBe(`${seen[0]}-copy`);
  });

  it.each(['read', 'head', 'copy', 'remove'] as const)('reports a %s that fails', async (operation) => {
    const store = new MemoryStore();
    store.hooks.before = (now) => {
      if (now === operation) throw new Fault('unsupported', 'not here');
    };
    const problems = await trip(store);
    expect(problems.map(({ step }) => step)).toContain(steps[operation]);
    for (const { fault } of problems) expect(fault.kind).toBe('unsupported');
    if (operation !== 'remove') expect(store.objects.size).toBe(0);
  });

  it('ends after a write that fails', async () => {
    const store = new MemoryStore();
    store.hooks.before = (operation) => {
      if (operation === 'put') throw new Fault('denied', 'no');
    };
    expect(await trip(store)).toMatchObject([{ step: 'write', fault: { kind: 'denied' } }]);
    expect([...store.counts.keys()]).toEqual(['put']);
  });

  it('accepts any refusal of the key', async () => {
    for (const kind of ['key-missing', 'key-mismatch', 'denied'] as const) {
      const store = new MemoryStore();
      let heads = 0;
      store.hooks.before = (operation) => {
        if (operation !== 'head') return;
        heads += 1;
        if (heads <= 2) throw new Fault(kind, 'no');
      };
      expect(await trip(store)).toEqual([]);
    }
  });

  it('reports an S3 that opens the object without its key, or with another key', async () => {
    const store = new MemoryStore();
    const problems = await trip(
      changed(store, { head: (now, ref) => store.head(now, ref, { kind: 'sse-c', key: keyOf() }) }),
    );
    expect(problems).toMatchObject([
      { step: 'refusal without the key', fault: { kind: 'corrupt' } },
      { step: 'refusal of another key', fault: { kind: 'corrupt' } },
    ]);
  });

  it.each([
    ['of another length', 'x'],
    ['of the same length', null],
  ])('reports bytes that are not those that were written, %s', async (_, text) => {
    const store = new MemoryStore();
    const problems = await trip(
      changed(store, {
        read: async (...args) => {
          const body = await store.read(...args);
          if (body === null) return null;
          const pieces: Uint8Array[] = [];
          for await (const piece of body.bytes) pieces.push(piece);
          const bytes = text === null ? Buffer.concat(pieces).fill(0, 0, 1) : Buffer.from(text);
          return {
            ...body,
            bytes: (async function* () {
              yield bytes;
            })(),
          };
        },
      }),
    );
    expect(problems).toMatchObject([
      { step: 'read', fault: { kind: 'corrupt' } },
      { step: 'copy', fault: { kind: 'corrupt' } },
    ]);
  });

  it('reports an object that is not there after it was written', async () => {
    const store = new MemoryStore();
    const problems = await trip(changed(store, { read: async () => null }));
    expect(problems).toMatchObject([{ step: 'read', fault: { kind: 'corrupt' } }, { step: 'copy' }]);
  });

  it('reports a copy that is missing or not encrypted as requested', async () => {
    const store = new MemoryStore();
    const plain = changed(store, {
      copy: (now, from, to, options) =>
        store.copy(now, from, to, { ...options, encryption: { kind: 'sse-s3' } }),
      head: (now, ref, access) => store.head(now, ref, ref.key.endsWith('-copy') ? noKey : access),
    });
    expect(await trip(plain)).toMatchObject([{ step: 'copy', fault: { kind: 'corrupt' } }]);
    const missing = changed(store, {
      head: async (now, ref, access) =>
        ref.key.endsWith('-copy') ? null : await store.head(now, ref, access),
    });
    expect(await trip(missing)).toMatchObject([{ step: 'copy', fault: { kind: 'corrupt' } }]);
  });

  it('throws only that it was cancelled, and leaves nothing then either', async () => {
    for (const operation of ['read', 'head', 'copy'] as const) {
      const store = new MemoryStore();
      const cancel = new AbortController();
      store.hooks.before = (now) => {
        if (now === operation) cancel.abort();
        if (cancel.signal.aborted && now === operation) throw new Fault('cancelled', 'cancelled');
      };
      await expect(trip(store, aliceEncryption, cancel.signal)).rejects.toMatchObject({ kind: 'cancelled' });
      expect(store.objects.size).toBe(0);
    }
  });
});

function keyOf() {
  if (aliceEncryption.kind !== 'sse-c') throw new Error('no key');
  return aliceEncryption.key;
}

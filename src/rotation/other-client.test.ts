import { describe, expect, it } from 'vitest';
import { checksumOf } from '../bytes/running-checksum.js';
import type { WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { VersionPolicy } from '../model/rotation.js';
import { MemoryStore, type MemoryStoreOptions } from '../vault/testing/memory-store.js';
import { call, content, keyNamed, refOf } from '../vault/testing/vault-world.js';
import { newKey, oldKey, RotationWorld } from './testing/rotation-world.js';

/* Another client writes before each step of a rotation. Its object must be there afterwards. */

const key = 'alice/a';
const ours = content(3000, 'ours');
const theirs = content(3000, 'theirs');

const servers: readonly (readonly [string, MemoryStoreOptions])[] = [
  ['everything', {}],
  ['no checksum', { answersChecksum: false }],
  ['MD5 ETags', { etagIsMd5: true }],
  ['versions', { versioned: true }],
];
const clients: readonly (readonly [string, WriteEncryption])[] = [
  ['the old key', { kind: 'sse-c', key: oldKey }],
  ['the new key', { kind: 'sse-c', key: newKey }],
  ['another key', { kind: 'sse-c', key: keyNamed('theirs') }],
  ['no key', { kind: 'sse-s3' }],
];

async function storeDirectly(store: MemoryStore, encryption: WriteEncryption): Promise<void> {
  const { hooks } = store;
  store.hooks = {};
  const body = { chunks: [theirs], byteLength: theirs.byteLength, checksum: checksumOf('crc32c', theirs) };
  const options = { encryption, acl: null, metadata: {}, contentType: null };
  await MemoryStore.prototype.put.call(store, call(), refOf(key), body, options);
  store.hooks = hooks;
}

async function disturbed(
  options: MemoryStoreOptions,
  encryption: WriteEncryption,
  versions: VersionPolicy,
  step: number,
): Promise<{ readonly isOver: boolean; readonly where: string; readonly isKept: boolean }> {
  const world = await RotationWorld.open({ store: options });
  await using _ = world;
  await world.put(key, content(10, 'the version before'));
  await world.put(key, ours);
  const job = await world.begin({ versions });
  let steps = 0;
  let where = '';
  const before = async (operation: string) => {
    if (steps === step) {
      where = operation;
      await storeDirectly(world.store, encryption);
    }
    steps += 1;
  };
  world.store.hooks = { before, whileCopying: () => before('the end of a copy') };
  await world.run(job).catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error;
  });
  const isKept = world.store.contentOf(refOf(key))?.equals(theirs) ?? false;
  return { isOver: steps <= step, where, isKept };
}

describe.each(servers)('with an S3 that has %s', (_, options) => {
  it.each(clients)(
    'a rotation keeps an object that another client writes with %s',
    async (_client, encryption) => {
      for (const versions of options.versioned === true
        ? (['keep', 'rewrite'] as const)
        : (['keep'] as const)) {
        for (let step = 0; ; step += 1) {
          const { isOver, where, isKept } = await disturbed(options, encryption, versions, step);
          if (isOver) break;
          expect(isKept, `versions: ${versions}, before step ${step}, ${where}`).toBe(true);
        }
      }
    },
  );
});

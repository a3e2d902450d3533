import { describe, expect, it } from 'vitest';
import { checksumOf } from '../bytes/running-checksum.js';
import type { WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import { type Ability, abilities, limitTo } from './testing/abilities.js';
import { MemoryStore, type StoreOperation } from './testing/memory-store.js';
import {
  aliceEncryption,
  aliceKey,
  call,
  content,
  keyNamed,
  mebibyte,
  refOf,
  targetOf,
  type VaultWorld,
  vaultWorld,
} from './testing/vault-world.js';

/*
 * Another client writes before each step of an operation, its rollback and its settlement. Its object must be
 * there afterwards.
 */

const oldKey = keyNamed('old');
const keys = [aliceKey, oldKey];
const ours = content(5000, 'ours');
const wrong = content(4000, 'what S3 stored instead');
/** As long as ours, so that only the content and the ETag differ. */
const theirs = content(5000, 'theirs');

function bodyOf(bytes: Buffer) {
  return { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
}

/** Stores an object as another client would, unseen by the hooks. */
async function storeDirectly(
  { store }: VaultWorld,
  key: string,
  bytes: Buffer,
  encryption: WriteEncryption,
): Promise<void> {
  const { hooks } = store;
  store.hooks = {};
  // A scenario may have replaced the method of this store.
  const { put } = MemoryStore.prototype;
  const options = { encryption, acl: null, metadata: {}, contentType: null };
  await put.call(store, call(), refOf(key), bodyOf(bytes), options);
  store.hooks = hooks;
}

async function upload(world: VaultWorld, key: string, bytes = ours, sealing = oldKey): Promise<string> {
  const target = targetOf(key, { encryption: { kind: 'sse-c', key: sealing } });
  await using writer = await world.vault.openUpload(call(), target);
  await writer.write(0, [bytes]);
  return (await writer.commit(call())).etag;
}

/** Lets S3 store copies without the requested encryption. */
function loseEncryption({ store }: VaultWorld): void {
  const copy = store.copy.bind(store);
  store.copy = (given, from, to, options) =>
    copy(given, from, to, { ...options, encryption: { kind: 'sse-s3' } });
}

/** Lets S3 store other bytes than those of a put. */
function damagePuts({ store }: VaultWorld): void {
  const put = store.put.bind(store);
  store.put = (given, ref, _, options) => put(given, ref, bodyOf(wrong), options);
}

/** Lets S3 create a wrong object at the end of an upload in parts, and report that. */
function damageParts(world: VaultWorld): void {
  const { store } = world;
  const begin = store.beginUpload.bind(store);
  store.beginUpload = async (given, ref, options) => {
    const begun = await begin(given, ref, options);
    begun.complete = async (own, receipts) => {
      const parts = store.uploads.get(begun.uploadId)?.parts ?? new Map();
      const last = receipts.at(-1);
      if (last !== undefined) parts.set(last.partNumber, { bytes: wrong, receipt: last });
      const stored = Buffer.concat(receipts.map(({ partNumber }) => parts.get(partNumber)?.bytes ?? wrong));
      await store.complete(own, begun.uploadId, receipts, {
        size: stored.byteLength,
        checksum: checksumOf('crc32c', stored),
      });
      throw new Fault('corrupt', 'the object is not what was sent');
    };
    return begun;
  };
}

const large = content(9 * mebibyte, 'large');

interface Scenario {
  readonly name: string;
  readonly prepare?: (world: VaultWorld) => Promise<unknown>;
  readonly run: (world: VaultWorld) => Promise<unknown>;
  /** The name that the other client writes to. */
  readonly key: string;
  /** The name that the object may have been moved to. */
  readonly movesTo?: string;
  /** Until this operation has begun, the other client's object may be overwritten. */
  readonly after?: StoreOperation;
}

const copyTo = (world: VaultWorld, key: string, condition: object, ifMatch?: string) =>
  world.vault.copy(
    call(),
    { ref: refOf('a'), keys, ...(ifMatch === undefined ? {} : { ifMatch }) },
    { ...targetOf(key), ...condition },
  );

const etagAt = (world: VaultWorld, key: string) => world.store.infoOf(refOf(key))?.etag ?? '';

const ontoItself = (world: VaultWorld) => {
  const etag = etagAt(world, 'a');
  return copyTo(world, 'a', { onlyIfMatches: etag }, etag);
};

const scenarios: readonly Scenario[] = [
  {
    name: 'a copy to a new name',
    prepare: (world) => upload(world, 'a'),
    run: (world) => copyTo(world, 'b', { onlyIfAbsent: true }),
    key: 'b',
  },
  {
    name: 'a copy that replaces one object',
    prepare: async (world) => [await upload(world, 'a'), await upload(world, 'b', wrong)],
    run: (world) => copyTo(world, 'b', { onlyIfMatches: etagAt(world, 'b') }),
    key: 'b',
  },
  { name: 'a copy onto itself', prepare: (world) => upload(world, 'a'), run: ontoItself, key: 'a' },
  {
    name: 'the rollback of a copy that has lost its encryption',
    prepare: async (world) => {
      await upload(world, 'a');
      loseEncryption(world);
    },
    run: (world) => copyTo(world, 'b', { onlyIfAbsent: true }),
    key: 'b',
  },
  {
    name: 'the rollback of a copy onto itself that has lost its encryption',
    prepare: async (world) => {
      await upload(world, 'a');
      loseEncryption(world);
    },
    run: ontoItself,
    key: 'a',
  },
  {
    name: 'a move, at its source',
    prepare: (world) => upload(world, 'a'),
    run: (world) => world.vault.move(call(), refOf('a'), keys, targetOf('b')),
    key: 'a',
    movesTo: 'b',
  },
  {
    name: 'the removal of one object',
    prepare: (world) => upload(world, 'a'),
    run: (world) => world.vault.remove(call(), refOf('a'), 'alice', etagAt(world, 'a')),
    key: 'a',
  },
  {
    name: 'the rollback of an upload that S3 stored wrongly',
    prepare: async (world) => damagePuts(world),
    run: (world) => upload(world, 'a', ours, aliceKey),
    key: 'a',
    after: 'put',
  },
  {
    name: 'the rollback of an upload in parts that S3 stored wrongly',
    prepare: async (world) => damageParts(world),
    run: (world) => upload(world, 'a', large, aliceKey),
    key: 'a',
    after: 'complete',
  },
  {
    name: 'the settlement of an upload that a crash interrupted',
    prepare: async (world) => {
      world.ledger.hooks.before = (step) => {
        if (step === 'confirm') throw new Fault('bug', 'the process has died');
      };
      await upload(world, 'a').catch(() => undefined);
      world.ledger.hooks = {};
    },
    run: (world) => world.restart().settlePending(call(), { keysOf: async () => keys }),
    key: 'a',
  },
];

interface Outcome {
  /** Whether the other client has written, and its object has to be there. */
  readonly hasWritten: boolean;
  /** Whether the operation has fewer steps than the one asked for. */
  readonly isOver: boolean;
  readonly where: string;
  readonly isKept: boolean;
  /** The first step before which the other client may write. */
  readonly firstStep: number;
}

/** Runs a scenario in which another client writes before the step of this number. */
async function disturbed(
  scenario: Scenario,
  ability: Ability,
  encryption: WriteEncryption,
  step: number,
): Promise<Outcome> {
  await using world = vaultWorld({}, ability.options);
  await scenario.prepare?.(world);
  limitTo(ability, world);
  let steps = 0;
  let firstStep = scenario.after === undefined ? 0 : Number.POSITIVE_INFINITY;
  let hasWritten = false;
  let previous: string = 'the start';
  let where = '';
  const before = async (operation: string) => {
    const isKnownRace = !ability.comparesEtags && operation === 'remove' && previous === 'list';
    if (steps === step && step >= firstStep && !isKnownRace) {
      where = `before ${operation}, after ${previous}`;
      hasWritten = true;
      await storeDirectly(world, scenario.key, theirs, encryption);
    }
    steps += 1;
    if (operation === scenario.after) firstStep = Math.min(firstStep, steps);
    previous = operation;
  };
  world.store.hooks = { ...world.store.hooks, before, whileCopying: () => before('the end of a copy') };
  world.ledger.hooks = { before };
  await scenario.run(world).catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error;
  });
  const names = scenario.movesTo === undefined ? [scenario.key] : [scenario.key, scenario.movesTo];
  const isKept = names.some((name) => world.store.contentOf(refOf(name))?.equals(theirs));
  return { hasWritten, isOver: steps <= step, where, isKept, firstStep };
}

const clients: readonly (readonly [string, WriteEncryption])[] = [
  ['with another key', { kind: 'sse-c', key: keyNamed('theirs') }],
  ['with the same key', aliceEncryption],
  ['without a key', { kind: 'sse-s3' }],
];

describe.each(abilities)('with an S3 that has $name', (ability) => {
  it.each(scenarios)('$name keeps what another client writes meanwhile', async (scenario) => {
    // An upload in parts sends megabytes, so it meets one client only.
    for (const [client, encryption] of scenario.after === 'complete' ? clients.slice(0, 1) : clients) {
      const { firstStep } = await disturbed(scenario, ability, encryption, Number.POSITIVE_INFINITY);
      let writes = 0;
      for (let step = firstStep; ; step += 1) {
        const { hasWritten, isOver, where, isKept } = await disturbed(scenario, ability, encryption, step);
        if (isOver) break;
        if (!hasWritten) continue;
        writes += 1;
        expect(isKept, `a client ${client}, ${where}`).toBe(true);
      }
      expect(writes).toBeGreaterThan(0);
    }
  });
});

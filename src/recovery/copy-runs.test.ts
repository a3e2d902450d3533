import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { UnusedKeyProof } from '../model/ledger.js';
import { MemoryStore } from '../vault/testing/memory-store.js';
import type { CompleteCopy } from './bucket-copy.js';
import { snapshotKey } from './bucket-names.js';
import { CopyBucket } from './copy-bucket.js';
import { readCopyState } from './copy-state.js';
import { RootContent } from './root-content.js';
import { bucket, call, Machine } from './testing/machine.js';

const settings = 'root/.sftpgateway/user.properties';

let store: MemoryStore;
let machine: Machine;
beforeEach(async () => {
  store = new MemoryStore({ bucket });
  machine = await Machine.make(store);
});
afterEach(() => machine[Symbol.asyncDispose]());

const generated = async () => (await machine.keyring.generate({ label: '', owner: { kind: 'none' } })).id;
const sealedKey = (id: KeyFingerprint) => ({ bucket, key: `.sftpgw/keys/${id}.age` });
const storedKey = (id: KeyFingerprint) => store.contentOf(sealedKey(id));

describe('the status of a copy', () => {
  const signers = [expect.stringMatching(/^[0-9a-f]{16}$/)];

  it('names the reason why there is none', async () => {
    const nothing = { isCurrent: false, snapshot: null, signers: [], completeMs: null, failure: null };
    expect(await machine.copy.status()).toEqual({ none: 'no-recipient', bucket, ...nothing });
    await machine.initRecovery();
    expect(await machine.copy.status()).toEqual({ none: null, bucket, ...nothing, signers });
    const withoutBucket = machine.process(store, { bucket: () => null });
    expect(await withoutBucket.status()).toEqual({ none: 'no-bucket', bucket: null, ...nothing, signers });
    expect(await withoutBucket.run(call)).toEqual({ kind: 'no-bucket' });
    machine.isWanted = false;
    expect((await machine.copy.status()).none).toBe('off');
  });

  it('is current from a complete run until a change of a file or a key, and makes no request', async () => {
    await machine.initRecovery();
    const id = await generated();
    await machine.copy.run(call);
    const requests = [...store.counts];
    const current = { none: null, bucket, isCurrent: true, snapshot: 1, signers, failure: null };
    expect(await machine.copy.status()).toEqual({ ...current, completeMs: expect.any(Number) });
    await machine.write(settings, '# changed\n');
    expect(await machine.copy.status()).toMatchObject({ isCurrent: false, snapshot: 1 });
    expect([...store.counts]).toEqual(requests);

    await machine.copy.run(call);
    expect(await machine.copy.status()).toMatchObject({ isCurrent: true, snapshot: 2 });
    await machine.keyring.retire(id);
    expect((await machine.copy.status()).isCurrent).toBe(false);
    await machine.copy.run(call);
    await generated();
    expect((await machine.copy.status()).isCurrent).toBe(false);
    await machine.copy.run(call);
    expect((await machine.copy.status()).isCurrent).toBe(true);
    // A file of the last copy that is not in the keyring any more.
    await rm(join(machine.world.keys, `${id}.json`));
    await rm(join(machine.world.keys, `${id}.age`));
    expect((await machine.copy.status()).isCurrent).toBe(false);
  });

  it.each([2, 8])('reads no file of the keyring while nothing has changed, with %i keys', async (keys) => {
    await machine.initRecovery();
    for (let key = 0; key < keys; key += 1) await generated();
    await machine.copy.run(call);
    const keyring = machine.world.open();
    const files = vi.spyOn(keyring, 'files');
    const content = vi.spyOn(RootContent.prototype, 'read');
    const process = machine.process(store, { keyring });
    expect(await process.status()).toMatchObject({ isCurrent: true, signers });
    expect([files, content].map((spy) => spy.mock.calls.length)).toEqual([0, 0]);
    await machine.write(settings, '# new\n');
    expect(await process.status()).toMatchObject({ isCurrent: false, signers });
    expect([files, content].map((spy) => spy.mock.calls.length)).toEqual([1, 1]);
    content.mockRestore();
  });

  it('is current after a file was written again with the same content', async () => {
    await machine.initRecovery();
    await machine.write(settings, '# same\n');
    await machine.copy.run(call);
    await rm(join(machine.world.root, settings));
    await machine.write(settings, '# same\n');
    expect(await machine.copy.status()).toMatchObject({ isCurrent: true, signers });
  });

  it('has the last failure, and what was complete before it', async () => {
    await machine.initRecovery();
    await machine.copy.run(call);
    store.hooks.before = () => {
      throw new Fault('denied', 'no access');
    };
    await expect(machine.copy.run(call)).rejects.toMatchObject({ kind: 'denied' });
    expect(await machine.copy.status()).toMatchObject({
      snapshot: 1,
      completeMs: expect.any(Number),
      failure: { ms: expect.any(Number), text: 'no access' },
    });
  });

  it('has no failure after a run that was cancelled', async () => {
    await machine.initRecovery();
    store.hooks.before = () => {
      throw new Fault('cancelled', 'the gateway stops');
    };
    await expect(machine.copy.run(call)).rejects.toMatchObject({ kind: 'cancelled' });
    expect((await machine.copy.status()).failure).toBeNull();
  });

  it('is that of the default bucket, and the gateway keeps its id in another bucket', async () => {
    await machine.initRecovery();
    await machine.copy.run(call);
    const gateway = (await readCopyState(machine.stateFile))?.gateway;
    const second = new MemoryStore({ bucket: 'second' });
    const moved = machine.process(second, { bucket: () => 'second' });
    expect(await moved.status()).toMatchObject({ bucket: 'second', isCurrent: false, snapshot: null });
    expect(await moved.run(call)).toMatchObject({ kind: 'complete', snapshot: 1, isNewSnapshot: true });
    expect(await readCopyState(machine.stateFile)).toMatchObject({ gateway, bucket: 'second' });
    // Back in the first bucket, the gateway knows its own snapshots.
    expect(await machine.copy.run(call)).toMatchObject({ kind: 'complete', snapshot: 2 });
  });
});

describe('a run', () => {
  it('is reported if it has changed the copy', async () => {
    const completed: CompleteCopy[] = [];
    const copy = machine.process(store, { completed: (run) => completed.push(run) });
    await copy.run(call);
    expect(completed).toEqual([]);
    await machine.initRecovery();
    await copy.run(call);
    await copy.run(call);
    expect(completed).toEqual([{ kind: 'complete', changedFiles: 0, snapshot: 1, isNewSnapshot: true }]);
    const id = await generated();
    await copy.run(call);
    await machine.keyring.retire(id);
    await copy.run(call);
    expect(completed.slice(1)).toMatchObject([
      { changedFiles: 2, snapshot: 2, isNewSnapshot: true },
      { changedFiles: 1, snapshot: 2, isNewSnapshot: false },
    ]);
  });

  it('runs alone', async () => {
    await machine.initRecovery();
    let isLocked = false;
    store.hooks.before = () => expect(isLocked).toBe(true);
    const alone = async <T>(work: () => Promise<T>): Promise<T> => {
      isLocked = true;
      return await work().finally(() => {
        isLocked = false;
      });
    };
    expect(await machine.process(store, { alone }).run(call)).toMatchObject({ kind: 'complete' });
  });

  it('removes the sealed file of a destroyed key, and keeps its description', async () => {
    await machine.initRecovery();
    const [id, other] = [await generated(), await generated()];
    await machine.copy.run(call);
    expect(storedKey(id)).not.toBeNull();
    await machine.keyring.retire(id);
    await machine.keyring.destroy({ keyId: id } as UnusedKeyProof);
    expect(await machine.copy.run(call)).toMatchObject({ changedFiles: 2 });
    expect(storedKey(id)).toBeNull();
    expect(storedKey(other)).not.toBeNull();
    expect(store.contentOf({ bucket, key: `.sftpgw/keys/${id}.json` })?.toString()).toContain('destroyed');
    expect(await machine.copy.run(call)).toMatchObject({ changedFiles: 0 });
  });

  it('uploads a file again whose size in the bucket is another one', async () => {
    await machine.initRecovery();
    const id = await generated();
    await machine.copy.run(call);
    const intact = storedKey(id);
    await new CopyBucket(store, bucket).put(call, sealedKey(id).key, Buffer.from('cut'));
    expect(await machine.copy.run(call)).toMatchObject({ changedFiles: 1, isNewSnapshot: false });
    expect(storedKey(id)).toEqual(intact);
  });

  it('gives up after five attempts if other processes are always faster', async () => {
    await machine.initRecovery();
    const other = new CopyBucket(store, bucket);
    let attempts = 0;
    store.hooks.before = async (operation, { key }) => {
      if (operation !== 'put' || !key.includes('/snapshots/')) return;
      const { hooks } = store;
      store.hooks = {};
      attempts += 1;
      const gateway = (await readCopyState(machine.stateFile))?.gateway ?? '';
      await other.create(call, key, Buffer.from('theirs'), { 'sftpgw-gateway': gateway });
      store.hooks = hooks;
    };
    await expect(machine.copy.run(call)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(attempts).toBe(5);
    store.hooks = {};
    expect(await machine.copy.run(call)).toMatchObject({ snapshot: 6 });
  });

  it('takes over only what was there at its start', async () => {
    await machine.initRecovery();
    const other = new CopyBucket(store, bucket);
    await other.create(call, snapshotKey(1), Buffer.from('theirs'), { 'sftpgw-gateway': 'other' });
    store.hooks.before = async (operation, { key }) => {
      if (operation !== 'put' || key !== snapshotKey(2)) return;
      store.hooks = {};
      await other.create(call, snapshotKey(2), Buffer.from('theirs'), { 'sftpgw-gateway': 'other' });
    };
    await expect(machine.copy.run(call, { takeOver: true })).rejects.toMatchObject({ kind: 'conflict' });
    expect(store.contentOf({ bucket, key: snapshotKey(2) })?.toString()).toBe('theirs');
  });

  it('throws its own fault even if the failure cannot be recorded', async () => {
    await machine.initRecovery();
    store.hooks.before = async () => {
      await mkdir(machine.stateFile, { recursive: true });
      throw new Fault('denied', 'no access');
    };
    await expect(machine.copy.run(call)).rejects.toMatchObject({ kind: 'denied' });
  });

  it('prunes only after it has written a snapshot', async () => {
    let nowMs = Date.UTC(2026, 10, 9);
    store = new MemoryStore({ bucket, nowMs: () => nowMs });
    const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
    const copy = machine.process(store, { clock });
    await machine.initRecovery();
    for (let number = 1; number <= 7; number++) {
      await machine.write(settings, `# ${number}\n`);
      await copy.run(call);
    }
    const removals = store.count('remove');
    // A month later, all but the newest five are stale.
    nowMs += 31 * 86_400_000;
    await copy.run(call);
    expect(store.count('remove')).toBe(removals);
    await machine.write(settings, '# later\n');
    await copy.run(call);
    expect(store.count('remove')).toBeGreaterThan(removals);
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { newAgeIdentity } from '../keyring/age.js';
import { createKeyFiles } from '../keyring/key-files.js';
import { createKeyring } from '../keyring/keyring.js';
import { testClock, testEntropy } from '../keyring/testing/keyring-world.js';
import { CustomerKey } from '../model/customer-key.js';
import type { UnusedKeyProof } from '../model/ledger.js';
import { parseUsername } from '../model/users.js';
import { loadHostKeys } from '../sftp/host-keys.js';
import { testKeys } from '../users/testing/test-keys.js';
import { createUserRegistry } from '../users/user-registry.js';
import {
  createFileDurably,
  ensureDirectory,
  removeFileDurably,
  temporaryName,
  writeFileDurably,
} from './durable.js';
import { LossyDisk, type PowerLoss, printed } from './testing/lossy-disk.js';

/*
 * A missing fsync changes nothing until the power fails. These tests write through a file layer that keeps only
 * what was synced, and read what would be left after every step.
 */

const layer = vi.hoisted(() => ({ disk: null as LossyDisk | null }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const recorded = ['open', 'rename', 'link', 'unlink', 'mkdir', 'rmdir', 'symlink'] as const;
  const wrapped = recorded.map((name) => [
    name,
    (...given: readonly unknown[]) => {
      const calls = layer.disk?.recording(real) ?? real;
      return (calls[name] as (...given: readonly unknown[]) => unknown)(...given);
    },
  ]);
  const mocked = { ...real, ...Object.fromEntries(wrapped) };
  return { ...mocked, default: mocked };
});

let root: string;
const at = (...names: string[]) => join(root, ...names);
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const key = (fill: number) => CustomerKey.fromBytes(Buffer.alloc(32, fill));
const bob = parseUsername('bob');

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sftpgw-power-'));
});
afterEach(() => {
  layer.disk = null;
  rmSync(root, { recursive: true, force: true });
});

/** Runs `work` on a disk on which everything before it is synced. Returns what each step may leave. */
async function losses(work: () => Promise<unknown>): Promise<readonly PowerLoss[]> {
  layer.disk = new LossyDisk(root);
  await work();
  const { losses: found } = layer.disk;
  layer.disk = null;
  return found;
}

/** Returns the files that a power loss leaves with content that they never had, as `STEP: PATH`. */
function torn(found: readonly PowerLoss[]): readonly string[] {
  const whole = new Map<string, Set<string>>();
  // SQLite ignores a journal that has lost its header, and the keyring's lock keeps no data.
  const isMeaningless = (path: string) =>
    temporaryName.test(basename(path)) || path.endsWith('.lock-journal');
  for (const { seen } of found) {
    for (const [path, content] of Object.entries(printed(seen))) {
      whole.set(path, (whole.get(path) ?? new Set()).add(content));
    }
  }
  return found.flatMap(({ step, synced, named }) =>
    [synced, named].flatMap((tree) =>
      Object.entries(printed(tree))
        .filter(([path, content]) => !isMeaningless(path) && whole.get(path)?.has(content) === false)
        .map(([path]) => `${step}: ${path}`),
    ),
  );
}

function registry() {
  return createUserRegistry({
    directories: { homes: at('home'), shared: at('shared'), removed: at('removed') },
    defaults: () => ({ bucket: 'bucket' }),
    keys: testKeys(root, log).keys,
    clock: testClock,
    entropy: testEntropy,
    passwordCost: { ln: 10, r: 8, p: 1 },
  });
}

const keyring = () =>
  createKeyring({
    directory: at('keys'),
    identityFile: at('state/identity'),
    lockFile: at('state/lock'),
    clock: testClock,
    entropy: testEntropy,
    log,
  });
const imported = { label: 'l', owner: { kind: 'shared' }, origin: 'imported' } as const;

interface Scenario {
  readonly prepare?: () => Promise<unknown>;
  readonly run: () => Promise<unknown>;
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'a new file': { run: () => writeFileDurably(at('f'), 'content', 0o600) },
  'a replaced file': {
    prepare: () => writeFile(at('f'), 'before'),
    run: () => writeFileDurably(at('f'), 'content', 0o600),
  },
  'a file that must not exist': { run: () => createFileDurably(at('f'), 'content', 0o600) },
  'a removed file': {
    prepare: () => writeFile(at('f'), 'before'),
    run: () => removeFileDurably(at('f')),
  },
  'new directories': { run: () => ensureDirectory(at('a', 'b', 'c'), 0o700) },
  'a directory in an existing one': {
    prepare: () => mkdir(at('a')),
    run: () => ensureDirectory(at('a', 'b'), 0o700),
  },
  'host keys': { run: () => loadHostKeys(at('ssh'), testEntropy, log) },
  'the first key of a keyring': { run: () => keyring().import(key(1), imported) },
  'a retired key': {
    prepare: () => keyring().import(key(1), imported),
    run: () => keyring().retire(key(1).fingerprint),
  },
  'a destroyed key': {
    prepare: () => keyring().import(key(1), imported),
    run: () => keyring().destroy({ keyId: key(1).fingerprint, provenMs: 0 } as UnusedKeyProof),
  },
  'a recovery recipient': {
    prepare: () => keyring().import(key(1), imported),
    run: async () => keyring().addRecoveryRecipient((await newAgeIdentity()).recipient),
  },
  'a raw key file that replaces another': {
    prepare: async () => {
      const files = createKeyFiles(log);
      await files.store(at('sse.key'), key(1));
      await files.store(at('sse.key'), key(2));
    },
    run: () => createKeyFiles(log).store(at('sse.key'), key(3)),
  },
  'a raw key file that replaces an invalid one': {
    prepare: () => writeFile(at('sse.key'), 'not a key, but perhaps one in another form', { mode: 0o600 }),
    run: () => createKeyFiles(log).store(at('sse.key'), key(3)),
  },
  'a new user with a key and a password': {
    run: () => registry().save(bob, { password: 'correct horse', uploadOption: 3, uploadKey: key(4) }),
  },
  'a changed user': {
    prepare: () => registry().save(bob, { password: 'correct horse', uploadOption: 3, uploadKey: key(4) }),
    run: () => registry().save(bob, { password: 'another one', uploadKey: key(5), uploadPrefix: 'in/' }),
  },
  'a second factor': {
    prepare: () => registry().save(bob, { password: 'correct horse', uploadOption: 1 }),
    run: () => registry().createTotp(bob, 'host'),
  },
  'a removed second factor': {
    prepare: async () => {
      await registry().save(bob, { password: 'correct horse', uploadOption: 1 });
      await registry().createTotp(bob, 'host');
    },
    run: () => registry().removeTotp(bob),
  },
  'a removed user': {
    prepare: () => registry().save(bob, { password: 'correct horse', uploadOption: 3, uploadKey: key(4) }),
    run: () => registry().remove(bob),
  },
};

it.each(Object.entries(scenarios))(
  '%s is whole at any power loss, and there once it is acknowledged',
  async (_, { prepare, run }) => {
    await prepare?.();
    const found = await losses(run);
    expect(found.length).toBeGreaterThan(1);
    expect(torn(found)).toEqual([]);
    const last = found.at(-1);
    expect(last === undefined ? null : printed(last.synced)).toEqual(
      last === undefined ? null : printed(last.seen),
    );
  },
);

it('the file layer itself loses what is not synced', async () => {
  const { open, rename } = await import('node:fs/promises');
  const found = await losses(async () => {
    const handle = await open(at('.aside'), 'wx', 0o600);
    await handle.writeFile('content');
    await handle.close();
    await rename(at('.aside'), at('f'));
  });
  const last = found.at(-1);
  expect(last === undefined ? null : printed(last.synced)).toEqual({});
  expect(torn(found)).toEqual([`rename ${at('f')}: f`]);
});

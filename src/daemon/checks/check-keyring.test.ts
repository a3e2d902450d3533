import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../assembly/system.js';
import type { UserServices } from '../../assembly/user-services.js';
import { call } from '../../vault/testing/vault-world.js';
import { checkKeyring } from './check-keyring.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'check-keyring-'));
});
afterEach(() => rm(root, { recursive: true }));

it('opens only a sample of the keys at the start, and prints the problems', async () => {
  const problems = vi.fn(async (_maxOpened?: number): Promise<readonly string[]> => ['the keyring is open']);
  const lines: string[] = [];
  const keyring = { repair: async () => [], problems, recoveryRecipients: async () => ['age1'] };
  const directories = { homes: root, shared: root, removed: join(root, 'removed') };
  const userServices = {
    directories,
    sharedSettingsDirectory: root,
    keys: { importRawKeys: async () => {} },
  };
  await checkKeyring(call(), {
    keyring: keyring as never,
    userServices: userServices as unknown as UserServices,
    registry: { locations: async () => [] },
    clock: systemClock,
    output: (line) => lines.push(line),
  });
  expect(lines).toEqual(['error: the keyring is open']);
  expect(problems.mock.calls).toEqual([[100]]);
});

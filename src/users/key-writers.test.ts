import { expect, it } from 'vitest';
import type { SharedRegistry, UserRegistry } from '../model/users.js';
import { keyWriters } from './key-writers.js';

type Described = Awaited<ReturnType<UserRegistry['list']>>[number];
const user = (username: string, change: Partial<Record<keyof Described, unknown>>) =>
  ({
    username,
    uploadKeyFingerprint: null,
    uploadOption: 1,
    syncKeyFingerprint: null,
    syncOption: null,
    ...change,
  }) as unknown as Described;
const found = async (users: readonly Described[], shared: object) =>
  Object.fromEntries(
    await keyWriters({ list: async () => users }, {
      describe: async () => shared,
    } as unknown as Pick<SharedRegistry, 'describe'>),
  );

it('a key encrypts what the settings use it for, and nothing with another option', async () => {
  const users = [
    user('bob', { uploadKeyFingerprint: 'k1', uploadOption: 3, syncKeyFingerprint: 'k2', syncOption: 3 }),
    user('eve', { uploadKeyFingerprint: 'k1', uploadOption: 3, syncKeyFingerprint: 'k2', syncOption: 2 }),
    user('sue', { uploadKeyFingerprint: 'k3', uploadOption: 2, syncKeyFingerprint: 'k3' }),
    user('tom', { uploadOption: 3, syncOption: 3 }),
  ];
  expect(await found(users, { syncKeyFingerprint: 'k2', syncOption: 3 })).toEqual({
    k1: ['the uploads of bob', 'the uploads of eve'],
    k2: ['the downloads of bob', 'the shared directory'],
  });
  expect(await found([], { syncKeyFingerprint: 'k2', syncOption: 1 })).toEqual({});
  expect(await found([], { syncKeyFingerprint: null, syncOption: 3 })).toEqual({});
});

import type { SharedRegistry, UserRegistry } from '../model/users.js';

/** What is written with each key as the settings are now, by the key's id: `the uploads of bob`. */
export async function keyWriters(
  registry: Pick<UserRegistry, 'list'>,
  shared: Pick<SharedRegistry, 'describe'>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const writers = new Map<string, string[]>();
  const note = (keyId: string | null, option: number | null, what: string) => {
    if (keyId === null || option !== 3) return;
    writers.set(keyId, [...(writers.get(keyId) ?? []), what]);
  };
  for (const user of await registry.list()) {
    note(user.uploadKeyFingerprint, user.uploadOption, `the uploads of ${user.username}`);
    note(user.syncKeyFingerprint, user.syncOption, `the downloads of ${user.username}`);
  }
  const { syncKeyFingerprint, syncOption } = await shared.describe();
  note(syncKeyFingerprint, syncOption, 'the shared directory');
  return writers;
}

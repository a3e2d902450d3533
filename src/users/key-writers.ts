import type { SharedRegistry, UserRegistry } from '../model/users.js';

/** Returns what each key encrypts by the present settings, such as `the uploads of bob`, by the key's id. */
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

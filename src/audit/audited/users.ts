import type { SharedRegistry, UserChange, UserRegistry } from '../../model/users.js';
import type { AuditScribe } from '../scribe.js';
import { differences } from './differences.js';

/** Returns the registry with each of its changes recorded, with the previous values. */
export function auditedUsers(registry: UserRegistry, scribe: AuditScribe): UserRegistry {
  return {
    save: async (username, change) => {
      const before = await registry.describe(username);
      const action = before === null ? 'user.add' : 'user.change';
      return scribe.change(
        { action, target: username },
        () => registry.save(username, change),
        async () => {
          const after = await registry.describe(username);
          const details = { ...differences(before ?? {}, after ?? {}), ...secretsIn(change) };
          return { action, target: username, keyId: after?.uploadKeyFingerprint ?? null, details };
        },
      );
    },
    remove: async (username) => {
      const before = await registry.describe(username);
      return scribe.change(
        { action: 'user.remove', target: username },
        () => registry.remove(username),
        (kept) =>
          kept === null ? null : { action: 'user.remove', target: username, details: { previous: before } },
      );
    },
    createTotp: (username, host) =>
      scribe.change(
        { action: 'user.totp', target: username },
        () => registry.createTotp(username, host),
        (uri) =>
          uri === null ? null : { action: 'user.totp', target: username, details: { totp: 'created' } },
      ),
    removeTotp: (username) =>
      scribe.change(
        { action: 'user.totp', target: username },
        () => registry.removeTotp(username),
        (removed) =>
          removed === true ? { action: 'user.totp', target: username, details: { totp: 'removed' } } : null,
      ),
    describe: (username) => registry.describe(username),
    list: () => registry.list(),
    locations: () => registry.locations(),
    checkTotp: (username, code) => registry.checkTotp(username, code),
  };
}

/** Returns the registry of the shared directory with each of its changes recorded. */
export function auditedShared(shared: SharedRegistry, scribe: AuditScribe): SharedRegistry {
  return {
    save: async (change) => {
      const before = await shared.describe();
      await scribe.change(
        { action: 'shared.change' },
        () => shared.save(change),
        async () => {
          const after = await shared.describe();
          const details = differences({ ...before }, { ...after });
          return { action: 'shared.change', keyId: after.syncKeyFingerprint, details };
        },
      );
    },
    describe: () => shared.describe(),
  };
}

/** The secrets that changed, without their values. */
function secretsIn({ password, uploadKey }: UserChange): Readonly<Record<string, string>> {
  return {
    ...(password === undefined ? {} : { password: 'changed' }),
    ...(uploadKey === undefined ? {} : { uploadKey: uploadKey.fingerprint }),
  };
}

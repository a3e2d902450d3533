import type { KeyFingerprint } from '../model/customer-key.js';
import type { KeyOwner, KeysByOwner, OwnedKeys } from '../model/keyring.js';
import type { KeyRecord } from './key-record.js';
import type { KeyringSnapshot } from './keyring-files.js';

const nothing: OwnedKeys = { ids: [], stamp: '' };

/** The keys of a snapshot by owner, so that a question about one owner does not read all keys. */
export class OwnerIndex implements KeysByOwner {
  readonly #owned = new Map<string, OwnedKeys>();

  constructor({ entries }: KeyringSnapshot) {
    const groups = new Map<string, { readonly record: KeyRecord; readonly stamp: string }[]>();
    for (const { record, hasSealedFile } of entries.values()) {
      if (record === null || record.state === 'destroyed') continue;
      const name = nameOf(record.owner);
      const group = groups.get(name) ?? [];
      groups.set(name, group);
      group.push({ record, stamp: `${record.id} ${record.state} ${hasSealedFile}` });
    }
    for (const [name, group] of groups) {
      group.sort(({ record: a }, { record: b }) => b.createdMs - a.createdMs || (a.id < b.id ? 1 : -1));
      const records = group.map(({ record }) => record);
      const ids = [...idsIn(records, 'active'), ...idsIn(records, 'retired')];
      this.#owned.set(name, { ids, stamp: group.map(({ stamp }) => stamp).join() });
    }
  }

  /** Returns the keys of this owner, active before retired, newer before older. */
  of(owner: KeyOwner): OwnedKeys {
    return this.#owned.get(nameOf(owner)) ?? nothing;
  }
}

function idsIn(records: readonly KeyRecord[], state: KeyRecord['state']): readonly KeyFingerprint[] {
  return records.filter((record) => record.state === state).map(({ id }) => id);
}

function nameOf(owner: KeyOwner): string {
  return owner.kind === 'user' ? `user ${owner.username}` : owner.kind;
}

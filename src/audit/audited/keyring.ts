import type {
  KeyDescription,
  KeyOwner,
  Keyring,
  KeyringCustody,
  SealedKeyring,
} from '../../model/keyring.js';
import type { AuditScribe, ScribeEvent } from '../scribe.js';

type WholeKeyring = Keyring & KeyringCustody & SealedKeyring;

/** Returns the keyring with each of its changes recorded. A key itself is never recorded. */
export function auditedKeyring(keyring: WholeKeyring, scribe: AuditScribe): WholeKeyring {
  return {
    generate: (key) => {
      const event: ScribeEvent = { action: 'key.generate', target: key.label, details: ownerOf(key.owner) };
      return scribe.change(
        event,
        () => keyring.generate(key),
        (made) => aboutKey('key.generate', made),
      );
    },
    import: async (key, as) => {
      const before = await keyring.describe(key.fingerprint);
      const event: ScribeEvent = { action: 'key.import', target: as.label, keyId: key.fingerprint };
      return scribe.change(
        event,
        () => keyring.import(key, as),
        (after) => (isSame(before, after) ? null : aboutKey('key.import', after)),
      );
    },
    retire: async (id) => {
      const before = await keyring.describe(id);
      const event: ScribeEvent = { action: 'key.retire', target: before?.label ?? null, keyId: id };
      await scribe.change(
        event,
        () => keyring.retire(id),
        () => (before?.state === 'retired' ? null : event),
      );
    },
    destroy: async (proof) => {
      const before = await keyring.describe(proof.keyId);
      const event: ScribeEvent = {
        action: 'key.destroy',
        target: before?.label ?? null,
        keyId: proof.keyId,
      };
      await scribe.change(event, () => keyring.destroy(proof));
    },
    addRecoveryRecipient: (recipient) =>
      scribe.change({ action: 'recovery.recipient', target: recipient }, () =>
        keyring.addRecoveryRecipient(recipient),
      ),
    adopt: (identity) =>
      scribe.change(
        { action: 'recovery.adopt' },
        () => keyring.adopt(identity),
        ({ adopted, left }) => ({
          action: 'recovery.adopt',
          details: { adopted: adopted.length, left: left.length },
        }),
      ),
    open: (id) => keyring.open(id),
    describe: (id) => keyring.describe(id),
    list: () => keyring.list(),
    byOwner: () => keyring.byOwner(),
    gatewayRecipient: () => keyring.gatewayRecipient(),
    recoveryRecipients: () => keyring.recoveryRecipients(),
    repair: () => keyring.repair(),
    problems: (maxOpened) => keyring.problems(maxOpened),
    files: () => keyring.files(),
    put: (files) => keyring.put(files),
    onChange: (listener) => keyring.onChange(listener),
  };
}

function aboutKey(action: 'key.generate' | 'key.import', key: KeyDescription): ScribeEvent {
  const { id, label, owner, origin } = key;
  return { action, target: label, keyId: id, details: { ...ownerOf(owner), origin } };
}

function ownerOf(owner: KeyOwner): { readonly owner: string } {
  return { owner: owner.kind === 'user' ? `user ${owner.username}` : owner.kind };
}

function isSame(before: KeyDescription | null, after: KeyDescription): boolean {
  return before !== null && JSON.stringify(before) === JSON.stringify(after);
}

import { type EncryptionOption, encryptionOptions, type WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { Keyring, KeyState } from '../../model/keyring.js';
import type { PrefixOwners } from '../../model/users/prefix-owners.js';
import type { UserSummary } from '../../model/users.js';

export type EncryptionName = (typeof encryptionOptions)[EncryptionOption];

/** The encryption of one directory of a user. */
export interface EffectiveEncryption {
  /** The setting of the user; null if they have none. */
  readonly own: EncryptionName | null;
  /** The encryption without a setting of the user; null if none is set. */
  readonly inherited: EncryptionName | null;
  /** The source of `inherited`, for people. */
  readonly inheritedFrom: string | null;
  /** The encryption of new objects; null if they cannot be written now, see `problem`. */
  readonly effective: EncryptionName | null;
  /** The customer key of new objects; null without one. */
  readonly key: {
    readonly id: string;
    readonly label: string;
    readonly state: KeyState | null;
  } | null;
  readonly problem: string | null;
}

/** Returns the encryption of a user's uploads and downloads: own, inherited and effective. */
export async function effectiveEncryption(
  { owners, keyring }: { readonly owners: PrefixOwners; readonly keyring: Pick<Keyring, 'describe'> },
  user: UserSummary,
): Promise<{ readonly uploads: EffectiveEncryption; readonly downloads: EffectiveEncryption }> {
  const own = (await owners.list()).filter(({ username }) => username === user.username);
  const [uploads, downloads] = own;
  const resolve = async (
    settings: Pick<EffectiveEncryption, 'own' | 'inherited' | 'inheritedFrom'>,
    encryption: (() => Promise<WriteEncryption>) | undefined,
  ): Promise<EffectiveEncryption> => {
    if (encryption === undefined) {
      const problem = 'the settings of the user are invalid, see the problems of the user';
      return { ...settings, effective: null, key: null, problem };
    }
    try {
      const found = await encryption();
      const id = found.kind === 'sse-c' ? found.key.fingerprint : null;
      const described = id === null ? null : await keyring.describe(id);
      const key = id && { id, label: described?.label ?? '', state: described?.state ?? null };
      return { ...settings, effective: found.kind, key, problem: null };
    } catch (error) {
      return { ...settings, effective: null, key: null, problem: Fault.from(error).hint };
    }
  };
  return {
    uploads: await resolve(
      {
        own: encryptionOptions[user.uploadOption],
        inherited: 'sse-s3',
        inheritedFrom: 'the default of sse.option',
      },
      uploads?.encryption,
    ),
    downloads: await resolve(
      {
        own: user.syncOption === null ? null : encryptionOptions[user.syncOption],
        inherited: null,
        inheritedFrom: null,
      },
      downloads?.encryption,
    ),
  };
}

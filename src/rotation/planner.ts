import { createHash } from 'node:crypto';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { ObjectEncryption } from '../model/encryption.js';
import type { SealedWith } from '../model/ledger.js';
import type { ListedVersion } from '../model/object-versions.js';
import type { VersionPolicy } from '../model/rotation.js';

/** Fingerprints of the keys of a rotation. */
export interface RotationKeys {
  readonly newKey: KeyFingerprint;
  readonly oldKeys: ReadonlySet<KeyFingerprint>;
}

/** Action that a rotation takes for one version of an object. */
export type RotationStep =
  | { readonly do: 'nothing'; readonly because: 'marker' | 'already' | 'without-key' }
  /** The key is unknown: a HEAD request finds it. */
  | { readonly do: 'inspect' }
  /** Copy the object onto itself with the new key. */
  | { readonly do: 'rekey' }
  | { readonly do: 'keep-version' }
  /** Copy the version to a name of its own with the new key, then remove it. */
  | { readonly do: 'rewrite-version' }
  /** The key is not one of the user's: keep the version and report it. */
  | { readonly do: 'report'; readonly key: KeyFingerprint | null };

/**
 * Encryption of a version according to the ledger or to a HEAD response. A null key is a customer key that is
 * not available.
 */
export type KnownVersion =
  | { readonly kind: 'sse-c'; readonly key: KeyFingerprint | null }
  | { readonly kind: 'other' };

/**
 * Decides what to do with one version, from its encryption alone. `known` is null if the encryption is not
 * known yet.
 */
export function planVersion(
  version: Pick<ListedVersion, 'isLatest' | 'isDeleteMarker'>,
  known: KnownVersion | null,
  keys: RotationKeys,
  policy: VersionPolicy,
): RotationStep {
  if (version.isDeleteMarker) return { do: 'nothing', because: 'marker' };
  if (known === null) return { do: 'inspect' };
  if (known.kind === 'other') return { do: 'nothing', because: 'without-key' };
  if (known.key === keys.newKey) return { do: 'nothing', because: 'already' };
  if (known.key === null || !keys.oldKeys.has(known.key)) return { do: 'report', key: known.key };
  if (version.isLatest) return { do: 'rekey' };
  return policy === 'rewrite' ? { do: 'rewrite-version' } : { do: 'keep-version' };
}

/** Returns the encryption recorded in a row of the ledger. */
export function knownVersionOf(sealed: SealedWith): KnownVersion {
  return sealed.kind === 'sse-c' ? { kind: 'sse-c', key: sealed.fingerprint } : { kind: 'other' };
}

/** Returns the encryption in a HEAD response. `named` finds a key by its MD5. */
export function knownVersionOfEncryption(
  encryption: ObjectEncryption,
  named: (keyMd5Base64: string) => KeyFingerprint | null,
): KnownVersion {
  return encryption.kind === 'sse-c'
    ? { kind: 'sse-c', key: named(encryption.keyMd5Base64) }
    : { kind: 'other' };
}

/**
 * Returns the name of the object that an older version becomes. The name consists of the key, the version's
 * time, and a digest of its id that distinguishes versions of the same second. It is the same at every
 * attempt.
 */
export function versionName({ key, versionId, lastModifiedMs }: ListedVersion): string {
  const time = new Date(lastModifiedMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const id = createHash('sha256')
    .update(versionId ?? 'null')
    .digest('hex')
    .slice(0, 16);
  return `${key}.version-${time}-${id}`;
}

import { createHash } from 'node:crypto';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { ObjectEncryption } from '../model/encryption.js';
import type { SealedWith } from '../model/ledger.js';
import type { ListedVersion } from '../model/object-store.js';
import type { VersionPolicy } from '../model/rotation.js';

/** The keys of a rotation, by what names them. */
export interface RotationKeys {
  readonly newKey: KeyFingerprint;
  readonly oldKeys: ReadonlySet<KeyFingerprint>;
}

/** What is to be done with one version of an object. */
export type RotationStep =
  | { readonly do: 'nothing'; readonly because: 'marker' | 'already' | 'without-key' }
  /** Nobody knows yet what it rests under. */
  | { readonly do: 'look' }
  /** Copied onto itself under the new key. */
  | { readonly do: 'rekey' }
  | { readonly do: 'keep-version' }
  /** Copied to a name of its own under the new key, then removed. */
  | { readonly do: 'rewrite-version' }
  /** It rests under a key that is none of the user's: left, and told. */
  | { readonly do: 'report'; readonly key: KeyFingerprint | null };

/** What a version rests under: by the ledger, or as HEAD says; null when it is not known. */
export type KnownVersion =
  | { readonly kind: 'sse-c'; readonly key: KeyFingerprint | null }
  | { readonly kind: 'other' };

/** Pure: what is to be done with one version, by what it rests under. */
export function planVersion(
  version: Pick<ListedVersion, 'isLatest' | 'isDeleteMarker'>,
  known: KnownVersion | null,
  keys: RotationKeys,
  policy: VersionPolicy,
): RotationStep {
  if (version.isDeleteMarker) return { do: 'nothing', because: 'marker' };
  if (known === null) return { do: 'look' };
  if (known.kind === 'other') return { do: 'nothing', because: 'without-key' };
  if (known.key === keys.newKey) return { do: 'nothing', because: 'already' };
  if (known.key === null || !keys.oldKeys.has(known.key)) return { do: 'report', key: known.key };
  if (version.isLatest) return { do: 'rekey' };
  return policy === 'rewrite' ? { do: 'rewrite-version' } : { do: 'keep-version' };
}

/** What a row of the ledger says. */
export function knownOf(sealed: SealedWith): KnownVersion {
  return sealed.kind === 'sse-c' ? { kind: 'sse-c', key: sealed.fingerprint } : { kind: 'other' };
}

/** What HEAD says; `named` tells a key by its MD5. */
export function knownOfEncryption(
  resting: ObjectEncryption,
  named: (keyMd5Base64: string) => KeyFingerprint | null,
): KnownVersion {
  return resting.kind === 'sse-c' ? { kind: 'sse-c', key: named(resting.keyMd5Base64) } : { kind: 'other' };
}

/**
 * The name of the object that an older version becomes: beside the object, with the version's time, and a digest of its id that
 * tells versions of one second apart. The same at every attempt.
 */
export function versionName({ key, versionId, lastModifiedMs }: ListedVersion): string {
  const time = new Date(lastModifiedMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const id = createHash('sha256')
    .update(versionId ?? 'null')
    .digest('hex')
    .slice(0, 16);
  return `${key}.version-${time}-${id}`;
}

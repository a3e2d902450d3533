import type { ItemOf } from '../../api/endpoints.js';
import type { Tone } from '../../parts/status.js';

export type User = ItemOf<'listUsers'>;

/** The kinds of encryption, in words. */
export const encryptionWords: Readonly<Record<User['encryption'], string>> = {
  'sse-c': 'SSE-C',
  'sse-kms': 'SSE-KMS',
  'sse-s3': 'SSE-S3',
  'bucket-default': 'bucket default',
};

/** Returns the state of a user in one word: whether they can log in, or why not. */
export function stateOf({ state, canLogIn, problems }: User): readonly [Tone, string] {
  if (state === 'disabled') return ['plain', 'disabled'];
  if (state === 'expired') return ['warn', 'expired'];
  if (!canLogIn) return ['bad', 'no login'];
  return problems.length > 0 ? ['warn', 'problem'] : ['good', 'active'];
}

/** Returns with what a user can log in, such as `an SSH key or a password`. */
export function meansOf({ publicKeys, hasPassword }: User): string {
  const parts = [...(publicKeys.length > 0 ? ['an SSH key'] : []), ...(hasPassword ? ['a password'] : [])];
  return parts.join(' or ');
}

/** Returns the credentials of a user, such as `2 keys, password, TOTP`. */
export function credentialsOf({ publicKeys, hasPassword, hasTotp }: User): string {
  const keys = publicKeys.length === 0 ? [] : [publicKeys.length === 1 ? 'key' : `${publicKeys.length} keys`];
  const parts = [...keys, ...(hasPassword ? ['password'] : []), ...(hasTotp ? ['TOTP'] : [])];
  return parts.length === 0 ? 'none' : parts.join(', ');
}

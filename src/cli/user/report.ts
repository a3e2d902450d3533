import type { EncryptionOption } from '../../model/encryption.js';
import type { UserSummary } from '../../model/users.js';

const encryptionNames: Readonly<Record<EncryptionOption, string>> = {
  1: 'SSE-S3',
  2: 'SSE-KMS',
  3: 'SSE-C',
  4: "bucket's default",
};

function onOff(value: boolean): string {
  return value ? 'on' : 'off';
}

/** Describes the encryption of a user's uploads. */
export function describeEncryption(user: UserSummary): string {
  const name = encryptionNames[user.uploadOption];
  if (user.uploadOption !== 3) return name;
  return user.uploadKeyFingerprint === null
    ? `${name}, key missing`
    : `${name}, key ${user.uploadKeyFingerprint}`;
}

/** Returns the S3 URL of a user's uploads. */
export function describeUploads(user: UserSummary): string {
  return user.uploadBucket === '' ? 'no bucket yet' : `s3://${user.uploadBucket}/${user.uploadPrefix}`;
}

/** Lists the ways in which a user can log in. */
export function describeLogin(user: UserSummary): string {
  const ways: string[] = [];
  if (user.publicKeyCount > 0)
    ways.push(`${user.publicKeyCount} public key${user.publicKeyCount === 1 ? '' : 's'}`);
  const authorities = user.publicKeys.filter((key) => key.isAuthority).length;
  if (authorities > 0) ways.push(`${authorities} certificate authorit${authorities === 1 ? 'y' : 'ies'}`);
  if (user.hasPassword) ways.push('password');
  if (user.hasTotp) ways.push('TOTP');
  return ways.length === 0 ? 'none' : ways.join(', ');
}

/** Returns a user as name and value pairs. `describeChanges` compares the same pairs. */
export function userFields(user: UserSummary): readonly (readonly [name: string, value: string])[] {
  return [
    ['uploads to', describeUploads(user)],
    ['encryption', describeEncryption(user)],
    ['login', describeLogin(user)],
    ['login methods', user.loginMethods],
    ['downloads', onOff(user.downloads)],
    ['shared', onOff(user.shared)],
  ];
}

/** Returns a user's keys and second factor as name and value pairs. */
export function loginFields(user: UserSummary): readonly (readonly [name: string, value: string])[] {
  return [
    ['TOTP', user.hasTotp ? 'yes' : 'no'],
    ...user.publicKeys.map(({ type, fingerprint, comment, isAuthority }) => {
      const name = isAuthority ? 'authority' : 'public key';
      return [name, `${type} ${fingerprint} ${comment}`.trimEnd()] as const;
    }),
  ];
}

/** Returns one line for each field that a change has changed. */
export function describeChanges(before: UserSummary, after: UserSummary): readonly string[] {
  const was = new Map(userFields(before));
  return userFields(after)
    .filter(([name, value]) => was.get(name) !== value)
    .map(([name, value]) => `${name}: ${was.get(name)} -> ${value}`);
}

/** Returns one line for each problem of the user's files. */
export function describeUserProblems(user: UserSummary): readonly string[] {
  return (user.problems ?? []).map((problem) => `${user.username}: ${problem}`);
}

import type { EncryptionOption } from '../../model/encryption.js';
import type { UserSummary } from '../../model/users.js';
import { renderBytes } from '../terminal/render.js';

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

/** Describes how the bucket is accessed. */
export function describeAccess({ access }: UserSummary): string {
  if (access === null) return "the gateway's own";
  const parts = [
    access.region === null ? [] : [`region ${access.region}`],
    access.endpoint === null ? [] : [`endpoint ${access.endpoint}`],
    access.roleArn === null ? [] : [`role ${access.roleArn}`],
    access.externalId === null ? [] : ['with an external id'],
  ];
  return parts.flat().join(', ');
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

/** Describes whether the account may have sessions. */
function describeAccount({ disabled, expiresMs }: UserSummary): string {
  if (disabled) return 'disabled';
  if (expiresMs === null) return 'enabled';
  const time = new Date(expiresMs).toISOString();
  return expiresMs <= Date.now() ? `expired since ${time}` : `enabled until ${time}`;
}

/** Describes `/local` and its limits. */
function describeLocal({ local, localLimitBytes, localFilesLimit }: UserSummary): string {
  if (!local) return onOff(false);
  const limits: string[] = [];
  if (localLimitBytes !== null) limits.push(renderBytes(localLimitBytes));
  if (localFilesLimit !== null) limits.push(`${localFilesLimit} files and directories`);
  return limits.length === 0 ? onOff(true) : `${onOff(true)}, at most ${limits.join(' and ')}`;
}

/** Returns a user as name and value pairs. `describeChanges` compares the same pairs. */
export function userFields(user: UserSummary): readonly (readonly [name: string, value: string])[] {
  return [
    ['uploads to', describeUploads(user)],
    ['access', describeAccess(user)],
    ['rights', user.uploadRights],
    ['exclusions', user.uploadExclusions.length === 0 ? 'none' : user.uploadExclusions.join(',')],
    ['encryption', describeEncryption(user)],
    ['login', describeLogin(user)],
    ['login methods', user.loginMethods],
    ['login from', user.loginFrom ?? 'all addresses'],
    ['account', describeAccount(user)],
    ['local', describeLocal(user)],
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

import Type from 'typebox';
import type { LastTimes } from '../../model/api/activity.js';
import { encryptionOptions } from '../../model/encryption.js';
import type { UserSummary } from '../../model/users.js';
import { encryptionName, isoTimeOrNull, textOrNull, timeOrNull } from '../schemas.js';

const publicKey = Type.Object({
  type: Type.String(),
  fingerprint: Type.String({ description: 'As `ssh-keygen -l` prints it.' }),
  comment: Type.String(),
  isAuthority: Type.Boolean({ description: 'Whether it is the key of a certificate authority.' }),
});

/** A user in an answer. */
export const user = Type.Object({
  username: Type.String(),
  bucket: textOrNull,
  prefix: Type.String({ description: 'The location of /uploads in the bucket.' }),
  encryption: encryptionName,
  keyId: { ...textOrNull, description: 'The key of new uploads with sse-c; null if there is none.' },
  downloads: Type.Boolean({ description: 'Whether the user has /downloads.' }),
  downloadsEncryption: Type.Union([encryptionName, Type.Null()]),
  downloadsKeyId: textOrNull,
  shared: Type.Boolean({ description: 'Whether the user has /shared.' }),
  publicKeys: Type.Array(publicKey),
  hasPassword: Type.Boolean(),
  hasTotp: Type.Boolean(),
  loginMethods: Type.String({ description: 'Sequences of methods, separated by blanks.' }),
  canLogIn: Type.Boolean({ description: 'Whether keys, password and TOTP fulfil one of the sequences.' }),
  disabled: Type.Boolean(),
  expires: { ...timeOrNull, description: 'The time from which the user can no longer log in.' },
  loginFrom: { ...textOrNull, description: 'The addresses from which the user may log in; null for all.' },
  rights: Type.String({ description: 'The rights in /uploads.' }),
  exclusions: Type.Array(Type.String()),
  problems: Type.Array(Type.String(), { description: 'Problems in the files of the user.' }),
});

/** The states of an account. Whether it can log in depends on its credentials too. */
export const accountStates = ['active', 'disabled', 'expired'] as const;

/** A user in an answer, with what changes without a change of the user. */
export const shownUser = Type.Object({
  ...user.properties,
  state: Type.Enum([...accountStates]),
  lastLogin: timeOrNull,
  lastFile: { ...timeOrNull, description: 'The last file that the user uploaded or downloaded.' },
});

/** Returns a user with its state and last times. They are not part of its version. */
export function showUser(view: ReturnType<typeof userView>, times: LastTimes | undefined, nowMs: number) {
  const hasExpired = view.expires !== null && Date.parse(view.expires) <= nowMs;
  const state: (typeof accountStates)[number] = view.disabled
    ? 'disabled'
    : hasExpired
      ? 'expired'
      : 'active';
  return {
    ...view,
    state,
    lastLogin: isoTimeOrNull(times?.loginMs ?? null),
    lastFile: isoTimeOrNull(times?.fileMs ?? null),
  };
}

/** Returns a user as its version covers it. */
export function userView(summary: UserSummary) {
  const { uploadBucket, uploadOption, syncOption, publicKeys, problems = [] } = summary;
  return {
    username: summary.username as string,
    bucket: uploadBucket === '' ? null : uploadBucket,
    prefix: summary.uploadPrefix,
    encryption: encryptionOptions[uploadOption],
    keyId: summary.uploadKeyFingerprint,
    downloads: summary.downloads,
    downloadsEncryption: syncOption === null ? null : encryptionOptions[syncOption],
    downloadsKeyId: summary.syncKeyFingerprint,
    shared: summary.shared,
    publicKeys,
    hasPassword: summary.hasPassword,
    hasTotp: summary.hasTotp,
    loginMethods: summary.loginMethods,
    canLogIn: summary.canLogIn,
    disabled: summary.disabled,
    expires: isoTimeOrNull(summary.expiresMs),
    loginFrom: summary.loginFrom,
    rights: summary.uploadRights,
    exclusions: summary.uploadExclusions,
    problems,
  };
}

/** A user in the examples. */
export const userExample = {
  username: 'bob',
  bucket: 'my-bucket',
  prefix: 'bob/uploads/',
  encryption: 'sse-c',
  keyId: '3f9a41c07e52d8b6a1f0c3e4d5b69788',
  downloads: true,
  downloadsEncryption: null,
  downloadsKeyId: null,
  shared: false,
  publicKeys: [
    {
      type: 'ssh-ed25519',
      fingerprint: 'SHA256:0mqZ7HkXhpsBMHUYQkHHnVJLkBAWH3Tq3Jd1cKq1lJc',
      comment: 'bob@laptop',
      isAuthority: false,
    },
  ],
  hasPassword: false,
  hasTotp: false,
  loginMethods: 'publickey password',
  canLogIn: true,
  disabled: false,
  expires: null,
  loginFrom: null,
  rights: 'all',
  exclusions: [],
  problems: [],
  state: 'active',
  lastLogin: '2026-05-01T12:00:00.000Z',
  lastFile: '2026-05-01T12:01:00.000Z',
} as const;

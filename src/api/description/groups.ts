/** The groups of operations, in the order of the documentation, each with a sentence. */
export const groups = {
  users: 'SFTP users: settings, logins and the location of their files.',
  keys: 'The keyring. No operation answers with a key.',
  objects: 'Objects in S3, with the key of each.',
  rotations: 'Re-encryption of a user’s objects with a new key.',
  ledger: 'The record of which key encrypted which version.',
  recovery: 'The copy in the bucket, and the identity that restores it.',
  mirrors: 'Prefixes of buckets as directories on disk.',
  jobs: 'Long work, which continues without its client.',
  doctor: 'Checks of the whole setup.',
  storage: 'The buckets, and the policies that they need.',
  bans: 'Addresses that may not log in for a while.',
  settings: 'The global settings of the gateway.',
  sessions: 'Sessions of the SFTP server and their transfers.',
  audit: 'The record of who did what.',
  webhooks: 'Messages to other programs about uploads, downloads, refused logins, keys and recovery.',
  login: 'Logins of people at the console. These operations need no login.',
  admins: 'The people who may use the console.',
  approvals: 'Requests that wait for a second person.',
  tokens: 'Credentials of programs for this API.',
  gateway: 'The running gateway itself.',
  me: 'The person of the request.',
  console: 'Only for the console’s process.',
} as const;

/** The name of a group. */
export type Group = keyof typeof groups;

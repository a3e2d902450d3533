import { parseQueueUrl } from '../events/queue-url.js';
import type { Call } from '../model/call.js';
import { parseUsername, type UserDirectory, type UserRegistry, type UserSettings } from '../model/users.js';
import type { PrefixNeed, StorageNeeds } from '../provisioning/storage-needs.js';

export interface StorageUsers {
  readonly users: Pick<UserDirectory, 'settings' | 'uploadEncryption'>;
  readonly registry: Pick<UserRegistry, 'list'>;
}

/** What the users of a root, as they are now, need of S3. Throws `invalid` for users whose files are wrong. */
export async function storageNeedsOf(
  call: Call,
  { users, registry }: StorageUsers,
  defaultBucket: string,
  eventsSqsQueue: string | null,
): Promise<StorageNeeds> {
  const prefixes: PrefixNeed[] = [];
  let isSharedSeen = false;
  for (const { username } of await registry.list()) {
    const settings = await users.settings(call, parseUsername(username));
    if (settings === null) continue;
    prefixes.push(await uploadsOf(call, users, settings));
    if (settings.downloads) prefixes.push(readOnly(settings.uploadBucket, `${username}/downloads/`));
    isSharedSeen ||= settings.shared;
  }
  if (isSharedSeen) prefixes.push(readOnly(defaultBucket, 'shared/'));
  return {
    prefixes,
    defaultBucket,
    eventQueueArn: eventsSqsQueue === null ? null : queueArn(eventsSqsQueue),
  };
}

async function uploadsOf(
  call: Call,
  users: Pick<UserDirectory, 'uploadEncryption'>,
  settings: UserSettings,
): Promise<PrefixNeed> {
  const { username, uploadBucket, uploadPrefix, uploadOption, acl } = settings;
  // The other options name no key, or one that may be missing: nothing that a policy needs.
  const encryption = uploadOption === 2 ? await users.uploadEncryption(call, username) : null;
  const kmsKeyArn = encryption?.kind === 'sse-kms' ? encryption.keyArn : null;
  return { bucket: uploadBucket, prefix: uploadPrefix, use: 'uploads', option: uploadOption, kmsKeyArn, acl };
}

function readOnly(bucket: string, prefix: string): PrefixNeed {
  return { bucket, prefix, use: 'downloads', option: null, kmsKeyArn: null, acl: null };
}

/** Null for a queue that is not at AWS: IAM does not know it. */
function queueArn(url: string): string | null {
  const { region, url: whole } = parseQueueUrl(url);
  const [, account, name] = /\/(\d{12})\/([^/]+)$/.exec(whole) ?? [];
  if (region === null || account === undefined || name === undefined) return null;
  return `arn:aws:sqs:${region}:${account}:${name}`;
}

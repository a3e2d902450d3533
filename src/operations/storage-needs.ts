import type { LiveSettings } from '../assembly/live-settings.js';
import { parseQueueUrl } from '../events/queue-url.js';
import type { Call } from '../model/call.js';
import { isFault } from '../model/fault.js';
import type { UserDirectory, Username, UserRegistry, UserSettings } from '../model/users.js';
import type { PrefixNeed, StorageNeeds } from './policies/storage-needs.js';

/** The services of `storageNeedsOf`. */
export interface StorageUsers {
  readonly call: Call;
  readonly settings: LiveSettings;
  readonly users: Pick<UserDirectory, 'settings' | 'uploadEncryption'>;
  readonly registry: Pick<UserRegistry, 'locations'>;
}

/** Treatment of a user whose files are invalid: leave the user out, or throw the fault. */
export type InvalidUsers = 'leave-out' | 'throw';

/**
 * Returns what the present users of a root need from S3. Throws `invalid` for a user's files if `wrongUsers`
 * is `throw`.
 */
export async function storageNeedsOf(
  { call, users, registry, settings: inForce }: StorageUsers,
  wrongUsers: InvalidUsers,
): Promise<StorageNeeds> {
  const defaultBucket = inForce.requireBucket();
  const { eventsSqsQueue } = inForce.current;
  const prefixes: PrefixNeed[] = [];
  let isSharedSeen = false;
  for (const { username } of await registry.locations()) {
    const found = await needsOf(call, users, username, wrongUsers);
    if (found === null) continue;
    const { settings, uploads } = found;
    prefixes.push(uploads);
    if (settings.downloads)
      prefixes.push({
        ...readOnly(settings.uploadBucket, settings.downloadsPrefix),
        roleArn: settings.access?.roleArn ?? null,
      });
    isSharedSeen ||= settings.shared;
  }
  if (isSharedSeen) prefixes.push(readOnly(defaultBucket, 'shared/'));
  return {
    prefixes,
    defaultBucket,
    eventQueueArn: eventsSqsQueue === null ? null : queueArn(eventsSqsQueue),
  };
}

async function needsOf(
  call: Call,
  users: StorageUsers['users'],
  username: Username,
  wrongUsers: InvalidUsers,
): Promise<{ readonly settings: UserSettings; readonly uploads: PrefixNeed } | null> {
  try {
    const settings = await users.settings(call, username);
    return settings && { settings, uploads: await uploadsOf(call, users, settings) };
  } catch (error) {
    if (wrongUsers === 'leave-out' && isFault(error, 'invalid')) return null;
    throw error;
  }
}

async function uploadsOf(
  call: Call,
  users: Pick<UserDirectory, 'uploadEncryption'>,
  settings: UserSettings,
): Promise<PrefixNeed> {
  const { username, uploadBucket, uploadPrefix, uploadOption, acl } = settings;
  // Only option 2 (SSE-KMS) names a key that a policy needs.
  const encryption = uploadOption === 2 ? await users.uploadEncryption(call, username) : null;
  const kmsKeyArn = encryption?.kind === 'sse-kms' ? encryption.keyArn : null;
  return {
    bucket: uploadBucket,
    prefix: uploadPrefix,
    use: 'uploads',
    option: uploadOption,
    kmsKeyArn,
    acl,
    roleArn: settings.access?.roleArn ?? null,
  };
}

function readOnly(bucket: string, prefix: string): PrefixNeed {
  return { bucket, prefix, use: 'downloads', option: null, kmsKeyArn: null, acl: null, roleArn: null };
}

/** Returns the queue's ARN, or null if the queue is not at AWS, because IAM does not know it. */
function queueArn(url: string): string | null {
  const { region, url: whole } = parseQueueUrl(url);
  const [, account, name] = /\/(\d{12})\/([^/]+)$/.exec(whole) ?? [];
  if (region === null || account === undefined || name === undefined) return null;
  return `arn:aws:sqs:${region}:${account}:${name}`;
}

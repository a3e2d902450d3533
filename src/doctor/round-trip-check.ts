import type { BucketSettings } from '../model/bucket.js';
import type { Call, Entropy } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';
import type { ObjectStore } from '../model/object-store.js';
import type { UserDirectory, Username } from '../model/users.js';
import { type RoundTripProblem, type RoundTripStep, tryRoundTrip } from '../vault/round-trip.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** The services of `roundTripCheck`. */
export interface RoundTripServices {
  readonly store: ObjectStore;
  readonly entropy: Entropy;
  readonly users: Pick<UserDirectory, 'settings' | 'uploadEncryption'>;
  readonly buckets: Pick<BucketSettings, 'locksNewObjects'>;
}

/**
 * Checks a whole round trip with a small object below the user's upload prefix, with the user's encryption.
 */
export function roundTripCheck(services: RoundTripServices, username: Username): Check {
  return { name: `uploads of ${username}`, run: (call) => roundTripOf(services, call, username) };
}

async function roundTripOf(
  { store, entropy, users, buckets }: RoundTripServices,
  call: Call,
  username: Username,
): Promise<readonly DoctorFinding[]> {
  const subject = `user ${username}`;
  const settings = await users.settings(call, username);
  if (settings === null) return [];
  if (await isLocked(buckets, call, settings.uploadBucket))
    return [lockedFinding(subject, settings.uploadBucket)];
  let problems: readonly RoundTripProblem[];
  try {
    const encryption = await users.uploadEncryption(call, username);
    const { uploadBucket: bucket, uploadPrefix: prefix, acl } = settings;
    problems = await tryRoundTrip(store, entropy, call, { bucket, prefix, encryption, acl });
  } catch (error) {
    if (isFault(error, 'cancelled') || call.signal.aborted) throw error;
    problems = [{ step: 'write', fault: Fault.from(error) }];
  }
  return problems.map(({ step, fault }) => ({
    code: codeOf(step, fault),
    severity: step === 'remove' ? 'warning' : 'error',
    subject,
    // The remedy behind the semicolon is that of the bucket, which may have many users.
    what: `${sentences[step]}: ${fault.kind === 'sse-c-blocked' ? fault.hint.split(';', 1)[0] : fault.hint}.`,
    why: consequences[step],
    whatToDo: remedyFor(fault),
  }));
}

/** Returns false if S3 does not answer: the round trip then reports why. */
async function isLocked(buckets: RoundTripServices['buckets'], call: Call, bucket: string): Promise<boolean> {
  try {
    return await buckets.locksNewObjects(call, bucket);
  } catch (error) {
    if (isFault(error, 'cancelled')) throw error;
    return false;
  }
}

function lockedFinding(subject: string, bucket: string): DoctorFinding {
  return {
    code: 'object-lock',
    severity: 'notice',
    subject,
    what: `The bucket "${bucket}" locks every new object for a time (Object Lock), so uploads were not tried.`,
    why: 'A trial object could not be removed before its retention ends.',
    whatToDo: 'Upload and read a file that may stay, to try it.',
  };
}

function remedyFor({ kind }: Fault): string {
  if (kind === 'denied')
    return 'Grant the gateway the permission: `sftpgw setup --policies` prints all that it needs.';
  if (kind === 'sse-c-blocked')
    return 'Run `sftpgw setup --allow-sse-c` with credentials that may change the bucket.';
  return 'Fix the cause, then run `sftpgw doctor` again.';
}

function codeOf(step: RoundTripStep, { kind }: Fault): string {
  if (kind === 'sse-c-blocked') return 'sse-c-blocked';
  if (kind === 'denied') return 'access-denied';
  if (step === 'write' && (kind === 'key-missing' || kind === 'invalid')) return 'upload-key-unusable';
  return `round-trip-${step.replaceAll(' ', '-')}`;
}

const sentences: Readonly<Record<RoundTripStep, string>> = {
  write: 'A file cannot be uploaded',
  read: 'An uploaded file cannot be read',
  'refusal without the key': 'An uploaded file is not protected by its key',
  'refusal of another key': 'An uploaded file is not protected by its key',
  copy: 'An uploaded file cannot be copied on the server',
  remove: 'An uploaded file cannot be removed',
};

const consequences: Readonly<Record<RoundTripStep, string>> = {
  write: 'Every upload of this user fails.',
  read: 'This user cannot read uploaded files, and renames cannot be verified.',
  'refusal without the key': 'Anyone who may read the bucket can read the content.',
  'refusal of another key': 'The content is protected by another key than the requested one.',
  copy: 'Renames and key rotations fail.',
  remove: 'Users cannot remove or rename files, and the small object of this check stays in the bucket.',
};

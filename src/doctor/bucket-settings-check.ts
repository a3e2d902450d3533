import type { BucketSettings } from '../model/bucket.js';
import type { Call } from '../model/call.js';
import { isFault } from '../model/fault.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** What the bucket's own settings mean for customers' keys and for unfinished uploads. */
export function bucketSettingsCheck(settings: BucketSettings, bucket: string, sseC: boolean): Check {
  return {
    name: `settings of bucket ${bucket}`,
    run: async (call) => [
      ...(await known(bucket, 'bucket versioning', () => versioningOf(settings, call, bucket, sseC))),
      ...(await known(bucket, 'lifecycle rules', () => incompleteUploadsOf(settings, call, bucket))),
      ...(sseC
        ? await known(bucket, 'the encryption settings', () => blockedOf(settings, call, bucket))
        : []),
    ],
  };
}

/** What a server does not have, it cannot have wrong; what may not be read is a finding of its own. */
async function known(
  bucket: string,
  what: string,
  look: () => Promise<readonly DoctorFinding[]>,
): Promise<readonly DoctorFinding[]> {
  try {
    return await look();
  } catch (error) {
    if (isFault(error, 'unsupported')) return [];
    // Missing buckets and servers that are away are told by the look at the bucket itself.
    if (!isFault(error, 'denied')) return [];
    return [
      {
        code: 'access-denied',
        severity: 'warning',
        subject: `bucket ${bucket}`,
        what: `${what} may not be read: ${error.hint}.`,
        why: 'The gateway cannot tell what the bucket does with older versions, unfinished uploads or customer keys.',
        whatToDo: 'Give the gateway the permission; `sftpgw setup --policies` prints all that it needs.',
      },
    ];
  }
}

async function versioningOf(
  settings: BucketSettings,
  call: Call,
  bucket: string,
  sseC: boolean,
): Promise<readonly DoctorFinding[]> {
  const versioning = await settings.versioning(call, bucket);
  const subject = `bucket ${bucket}`;
  if (versioning === 'suspended') {
    return [
      {
        code: 'versioning-suspended',
        severity: 'warning',
        subject,
        what: 'Versioning is suspended.',
        why: 'Overwritten files are lost as without versioning, while versions from before stay and need their old keys.',
        whatToDo: 'Enable versioning again, or remove the old versions when nobody needs them.',
      },
    ];
  }
  if (versioning === 'never' || !sseC || (await expiresOlderVersions(settings, call, bucket))) return [];
  return [
    {
      code: 'versions-keep-old-keys',
      severity: 'notice',
      subject,
      what: 'Versioning is on, and no lifecycle rule removes older versions.',
      why: 'Older versions rest under the keys of their time for ever: after a rotation the old key cannot be destroyed.',
      whatToDo: 'Add a rule that expires older versions after the time you need them, or keep every old key.',
    },
  ];
}

async function expiresOlderVersions(settings: BucketSettings, call: Call, bucket: string): Promise<boolean> {
  try {
    return (await settings.lifecycle(call, bucket)).expiresOlderVersions;
  } catch (error) {
    if (isFault(error, 'denied', 'unsupported')) return false;
    throw error;
  }
}

async function incompleteUploadsOf(
  settings: BucketSettings,
  call: Call,
  bucket: string,
): Promise<readonly DoctorFinding[]> {
  if ((await settings.lifecycle(call, bucket)).abortsIncompleteUploads) return [];
  return [
    {
      code: 'no-rule-for-unfinished-uploads',
      severity: 'warning',
      subject: `bucket ${bucket}`,
      what: 'No lifecycle rule aborts unfinished multipart uploads.',
      why: 'The gateway aborts its own; what other programs leave, or a machine that is lost, is paid for ever and shown nowhere.',
      whatToDo: 'Run `sftpgw setup --apply` with credentials that may set lifecycle rules.',
    },
  ];
}

async function blockedOf(
  settings: BucketSettings,
  call: Call,
  bucket: string,
): Promise<readonly DoctorFinding[]> {
  // A bucket that blocks SSE-C refuses the round trip, which names the command. Here only the permission to see it counts.
  await settings.blocksSseC(call, bucket);
  return [];
}

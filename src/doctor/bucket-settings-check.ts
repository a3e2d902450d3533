import type { BucketSettings } from '../model/bucket.js';
import type { Call } from '../model/call.js';
import { isFault } from '../model/fault.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** Checks what the bucket's own settings mean for customer keys and for unfinished uploads. */
export function bucketSettingsCheck(
  settings: BucketSettings,
  bucket: string,
  sseC: boolean,
  name = bucket,
): Check {
  return {
    name: `settings of bucket ${name}`,
    run: async (call) => [
      ...(await findingsOrDenied(bucket, 'versioning state', () =>
        versioningOf(settings, call, bucket, sseC),
      )),
      ...(await findingsOrDenied(bucket, 'lifecycle rules', () =>
        incompleteUploadsOf(settings, call, bucket),
      )),
      ...(sseC
        ? await findingsOrDenied(bucket, 'encryption settings', () => blockedOf(settings, call, bucket))
        : []),
    ],
  };
}

/**
 * Returns the findings of `check`. A setting that the server does not have is fine; one that may not be read
 * is a finding.
 */
async function findingsOrDenied(
  bucket: string,
  what: string,
  check: () => Promise<readonly DoctorFinding[]>,
): Promise<readonly DoctorFinding[]> {
  try {
    return await check();
  } catch (error) {
    if (isFault(error, 'unsupported')) return [];
    // The storage check reports a missing bucket and an unavailable server.
    if (!isFault(error, 'denied')) return [];
    return [
      {
        code: 'access-denied',
        severity: 'warning',
        subject: `bucket ${bucket}`,
        what: `The gateway may not read the ${what}: ${error.hint}.`,
        why: 'The gateway cannot tell what the bucket does with older versions, unfinished uploads or customer keys.',
        whatToDo: 'Grant the gateway the permission: `sftpgw setup --policies` prints all that it needs.',
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
        why: 'Overwritten files are lost, as without versioning. Older versions stay and need their old keys.',
        whatToDo: 'Enable versioning again, or remove the old versions once they are not needed.',
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
      why: 'Older versions stay encrypted with their old keys: after a rotation the old key cannot be destroyed.',
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
      why: 'The gateway aborts only its own. You pay for those of other programs and of lost machines, and no listing shows them.',
      whatToDo: 'Run `sftpgw setup --apply` with credentials that may set lifecycle rules.',
    },
  ];
}

async function blockedOf(
  settings: BucketSettings,
  call: Call,
  bucket: string,
): Promise<readonly DoctorFinding[]> {
  // If the bucket blocks SSE-C, the round trip fails and names the remedy. This check only needs the
  // permission to read the setting.
  await settings.blocksSseC(call, bucket);
  return [];
}

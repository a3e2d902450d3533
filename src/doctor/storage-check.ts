import type { Finding } from '../s3/bucket/finding.js';
import { probeS3 } from '../s3/bucket/probe.js';
import type { S3StoreOptions } from '../s3/options.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/**
 * Checks that the bucket can be used at all: endpoint, credentials, permissions, clock, checksums, SSE-C. `name`
 * also names the access.
 */
export function storageCheck(s3: S3StoreOptions, bucket: string, sseC: boolean, name = bucket): Check {
  return {
    name: `bucket ${name}`,
    run: async (call) =>
      (await probeS3(call, s3, { bucket, sseC })).map((finding) => translated(finding, name)),
  };
}

function translated({ severity, about, what, whatToDo }: Finding, bucket: string): DoctorFinding {
  const known = explanations[about] ?? other;
  return { code: known.code, severity, subject: `bucket ${bucket}`, what, why: known.why, whatToDo };
}

interface Explanation {
  readonly code: string;
  readonly why: string;
}

const other: Explanation = { code: 's3-trouble', why: 'Uploads, downloads or listings fail because of it.' };

const explanations: Partial<Record<Finding['about'], Explanation>> = {
  'plain-http': {
    code: 'endpoint-in-clear',
    why: 'A key that was sent in the clear is compromised, so the gateway refuses to send it.',
  },
  clock: {
    code: 'clock-off',
    why: 'S3 refuses every request whose time differs by more than 15 minutes.',
  },
  checksums: {
    code: 'checksums-refused',
    why: 'Every upload fails while the gateway sends checksums that the server does not accept.',
  },
  tags: {
    code: 'tags-refused',
    why: 'If the ledger is lost, the tag names the key of an object. Without the permission every upload with a customer key fails.',
  },
  'object-lock': {
    code: 'object-lock',
    why: 'A trial object could not be removed before its retention ends.',
  },
  copies: {
    code: 'copies-refused',
    why: 'Renames, appends and key rotations take longer, and use the connection between the gateway and S3.',
  },
  'sse-c-blocked': {
    code: 'sse-c-blocked',
    why: 'S3 refuses every upload of a user with SSE-C. Buckets created since April 2026 block SSE-C by default.',
  },
  'not-found': { code: 'bucket-missing', why: 'Nothing can be stored in a bucket that does not exist.' },
  denied: {
    code: 'access-denied',
    why: 'Every operation that needs the permission fails for all users of the bucket.',
  },
  corrupt: {
    code: 'server-not-true',
    why: 'The server does not do what it was asked to do: data could be stored in the clear, or be lost.',
  },
  unavailable: { code: 's3-away', why: 'Nothing can be stored or read while S3 is unavailable.' },
  'timed-out': { code: 's3-away', why: 'Nothing can be stored or read while S3 is unavailable.' },
};

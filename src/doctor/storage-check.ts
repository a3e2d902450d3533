import { type Finding, probeS3 } from '../s3/bucket/probe.js';
import type { S3StoreOptions } from '../s3/options.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** Can the bucket be worked with at all: endpoint, credentials, permissions, clocks, checksums, SSE-C. */
export function storageCheck(s3: S3StoreOptions, bucket: string, sseC: boolean): Check {
  return {
    name: `bucket ${bucket}`,
    run: async (call) =>
      (await probeS3(call, s3, { bucket, sseC })).map((finding) => translated(finding, bucket)),
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
    why: 'A key that has once been sent in the clear has to be taken for known to others, so the gateway refuses to send it.',
  },
  clock: {
    code: 'clock-off',
    why: 'S3 refuses every request whose time is off by more than 15 minutes.',
  },
  checksums: {
    code: 'checksums-refused',
    why: 'Every upload fails as long as checksums are sent to a server that does not take them.',
  },
  tags: {
    code: 'tags-refused',
    why: 'The tag says which key opens an object when the ledger is lost; without the permission every upload under a customer key fails.',
  },
  'sse-c-blocked': {
    code: 'sse-c-blocked',
    why: 'Every upload of a user with SSE-C is refused; buckets made since April 2026 begin so.',
  },
  'not-found': { code: 'bucket-missing', why: 'Nothing can be stored in a bucket that is not there.' },
  denied: {
    code: 'access-denied',
    why: 'What needs the permission fails for every user of the bucket.',
  },
  corrupt: {
    code: 'server-not-true',
    why: 'The server does not do what it was asked for: data could rest in the clear, or be lost.',
  },
  unavailable: { code: 's3-away', why: 'Nothing can be stored or read while S3 is away.' },
  'timed-out': { code: 's3-away', why: 'Nothing can be stored or read while S3 is away.' },
};

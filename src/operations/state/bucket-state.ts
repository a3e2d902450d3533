import { isDeepStrictEqual } from 'node:util';
import type {
  BucketLifecycle,
  BucketPolicyStatement,
  BucketSettings,
  BucketVersioning,
  StatementChange,
} from '../../model/bucket.js';
import type { Call } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import { createBucketAdministration } from '../../s3/bucket/bucket-administration.js';
import { routeOptions } from '../../s3/routing/route-options.js';
import type { RootServices } from '../open-root.js';
import { type KeyWriters, policyChange } from '../policies/bucket-policy.js';
import { bucketsOf } from '../policies/storage-needs.js';
import { storageNeedsOf } from '../storage-needs.js';

/** A statement of a bucket's policy, before and after `sftpgw setup --apply`. */
export interface StatementDifference {
  readonly sid: string | null;
  readonly change: 'same' | 'added' | 'changed' | 'removed';
  /** Null if it is not there. */
  readonly now: BucketPolicyStatement | null;
  readonly after: BucketPolicyStatement | null;
}

/** The settings of a bucket in S3. A part that cannot be read is null or `unknown`, and `problems` has the reason. */
export interface BucketState {
  readonly bucket: string;
  readonly sseC: 'allowed' | 'blocked' | 'unknown';
  readonly versioning: BucketVersioning | 'unknown';
  readonly lifecycle: BucketLifecycle | null;
  /** True if the bucket locks every new object for a time. */
  readonly locksNewObjects: boolean | null;
  readonly policy: readonly StatementDifference[] | null;
  readonly problems: readonly string[];
}

/** A person waits for the answer, so a request to S3 has less time than that of an upload. */
const patience = { maxAttempts: 2, maxTotalMs: 10_000 };

/** Reads the settings of every bucket that the present users need. Reports faults of S3 as problems of the bucket. */
export async function bucketStates(root: RootServices, writers: KeyWriters): Promise<readonly BucketState[]> {
  const needs = await storageNeedsOf(root, 'leave-out');
  const states: BucketState[] = [];
  for (const bucket of bucketsOf(needs)) {
    const [route = null] = root.s3.routes?.accessesOf(bucket) ?? [];
    const options = { ...routeOptions(root.s3, route), retry: patience };
    await using settings = createBucketAdministration(options);
    states.push(await stateOf(root.call, settings, bucket, policyChange(needs, bucket, writers)));
  }
  return states;
}

async function stateOf(
  call: Call,
  settings: BucketSettings,
  bucket: string,
  change: StatementChange,
): Promise<BucketState> {
  const problems: string[] = [];
  /** Servers without a setting behave as if it were absent. */
  const read = async <T>(work: () => Promise<T>, absent: T | null): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      if (isFault(error, 'cancelled')) throw error;
      if (isFault(error, 'unsupported')) return absent;
      problems.push(Fault.from(error).hint);
      return null;
    }
  };
  const blocks = await read(() => settings.blocksSseC(call, bucket), false);
  const versioning = await read(() => settings.versioning(call, bucket), 'never');
  const lifecycle = await read(() => settings.lifecycle(call, bucket), null);
  const locksNewObjects = await read(() => settings.locksNewObjects(call, bucket), false);
  const now = await read(() => settings.policy(call, bucket), []);
  return {
    bucket,
    sseC: blocks === null ? 'unknown' : blocks ? 'blocked' : 'allowed',
    versioning: versioning ?? 'unknown',
    lifecycle,
    locksNewObjects,
    policy: now === null ? null : differences(now, change),
    problems: [...new Set(problems)],
  };
}

/** Returns the statements of both policies: those that stay as they are first, then the others. */
export function differences(
  now: readonly BucketPolicyStatement[],
  { statements, obsoleteSids }: StatementChange,
): readonly StatementDifference[] {
  const present = now.map((statement): StatementDifference => {
    const sid = sidOf(statement);
    const after = statements.find(({ Sid }) => Sid === sid) ?? null;
    if (after !== null) {
      const change = isDeepStrictEqual(after, statement) ? 'same' : 'changed';
      return { sid, change, now: statement, after };
    }
    const isObsolete = sid !== null && obsoleteSids.includes(sid);
    return {
      sid,
      change: isObsolete ? 'removed' : 'same',
      now: statement,
      after: isObsolete ? null : statement,
    };
  });
  const added = statements
    .filter(({ Sid }) => !present.some(({ sid }) => sid === Sid))
    .map((after): StatementDifference => ({ sid: after.Sid, change: 'added', now: null, after }));
  return [...present, ...added];
}

function sidOf({ Sid: sid }: BucketPolicyStatement): string | null {
  return typeof sid === 'string' ? sid : null;
}

import type { BucketProvisioning, PolicyStatement } from '../model/bucket.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { createBucketAdministration } from '../s3/bucket/bucket-administration.js';
import { routeOptions } from '../s3/routing/route-options.js';
import type { RootServices } from './open-root.js';
import {
  bucketStatements,
  gatewayPlaceholder,
  type KeyWriters,
  policyChange,
} from './policies/bucket-policy.js';
import { type PolicyDocument, rolePolicy } from './policies/role-policy.js';
import { bucketsOf, type StorageNeeds, usesSseC } from './policies/storage-needs.js';
import { storageNeedsOf } from './storage-needs.js';

/** The choices of the administrator. */
export interface ProvisionRequest {
  readonly writers: KeyWriters;
  /** Unfinished multipart uploads are aborted after this number of days. */
  readonly unfinishedDays: number;
}

/** The settings that a bucket should have, for people and for scripts. */
export interface BucketPlan {
  readonly bucket: string;
  readonly statements: readonly PolicyStatement[];
  readonly allowsSseC: boolean;
  readonly unfinishedDays: number;
}

/** The policies and bucket settings that a root needs. */
export interface ProvisionPlan {
  readonly rolePolicy: PolicyDocument;
  readonly buckets: readonly BucketPlan[];
  /** Open points of the plan, one sentence each. */
  readonly notes: readonly string[];
}

/** One change, with its outcome. */
export interface ProvisionStep {
  readonly bucket: string;
  readonly what: string;
  readonly outcome: 'changed' | 'already so' | 'failed';
  /** Why the change failed; null if it did not. */
  readonly fault: Fault | null;
}

/** Returns what the role and the buckets of a root need for its present users. Sends no request to S3. */
export async function planProvision(root: RootServices, request: ProvisionRequest): Promise<ProvisionPlan> {
  const needs = await needsOf(root);
  const notes =
    request.writers.gateway === null
      ? [
          `the gateway's AWS identity is unknown: replace ${gatewayPlaceholder} in the policies with its ARN, or pass --gateway-principal; until then --apply leaves that statement out`,
        ]
      : [];
  return {
    rolePolicy: rolePolicy(needs),
    buckets: bucketsOf(needs).map((bucket) => ({
      bucket,
      statements: bucketStatements(needs, bucket, request.writers),
      allowsSseC: usesSseC(needs, bucket),
      unfinishedDays: request.unfinishedDays,
    })),
    notes,
  };
}

/**
 * Applies the plan to the buckets, one change after another, and returns the outcomes. A failed change does
 * not stop the others.
 */
export async function applyProvision(
  root: RootServices,
  request: ProvisionRequest,
): Promise<readonly ProvisionStep[]> {
  const needs = await needsOf(root);
  return await withAdministration(root, async (administrationOf, call) => {
    const steps: ProvisionStep[] = [];
    for (const bucket of bucketsOf(needs)) {
      const buckets = administrationOf(bucket);
      if (usesSseC(needs, bucket)) {
        steps.push(await step(bucket, allowSseCText, () => buckets.allowSseC(call, bucket)));
      }
      const days = request.unfinishedDays;
      steps.push(
        await step(bucket, `unfinished uploads are aborted after ${days} days`, () =>
          buckets.abortIncompleteUploads(call, bucket, days),
        ),
      );
      const change = policyChange(needs, bucket, request.writers);
      const what = `the bucket policy has ${change.statements.map(({ Sid }) => Sid).join(', ') || 'no statement of the gateway'}`;
      steps.push(await step(bucket, what, () => buckets.setStatements(call, bucket, change)));
    }
    return steps;
  });
}

const allowSseCText = 'customer keys (SSE-C) are allowed';

/** Allows SSE-C in every bucket where users need it, or in the default bucket if no user needs it. */
export async function allowSseC(root: RootServices): Promise<readonly ProvisionStep[]> {
  const needs = await needsOf(root);
  const wanted = bucketsOf(needs).filter((bucket) => usesSseC(needs, bucket));
  const buckets = wanted.length > 0 ? wanted : [needs.defaultBucket];
  return await withAdministration(root, async (administrationOf, call) => {
    const steps: ProvisionStep[] = [];
    for (const bucket of buckets) {
      steps.push(await step(bucket, allowSseCText, () => administrationOf(bucket).allowSseC(call, bucket)));
    }
    return steps;
  });
}

/**
 * Returns the needs of all users. Throws if a user's files are invalid: policies without that user would lock
 * them out.
 */
function needsOf(root: RootServices): Promise<StorageNeeds> {
  return storageNeedsOf(root, 'throw');
}

async function withAdministration<T>(
  { s3, call }: RootServices,
  work: (administrationOf: (bucket: string) => BucketProvisioning, call: Call) => Promise<T>,
): Promise<T> {
  await using resources = new AsyncDisposableStack();
  const administrationOf = (bucket: string): BucketProvisioning => {
    // The region and endpoint of the bucket, with the credentials of the person who runs the command.
    const [route = null] = s3.routes?.accessesOf(bucket) ?? [];
    const access = route === null ? null : { ...route.access, roleArn: null, externalId: null };
    const located = access === null ? null : { username: '', access };
    return resources.use(createBucketAdministration(routeOptions(s3, located)));
  };
  return await work(administrationOf, call);
}

async function step(bucket: string, what: string, change: () => Promise<boolean>): Promise<ProvisionStep> {
  try {
    return { bucket, what, outcome: (await change()) ? 'changed' : 'already so', fault: null };
  } catch (error) {
    const fault = Fault.from(error);
    if (fault.kind === 'cancelled') throw fault;
    return { bucket, what, outcome: 'failed', fault };
  }
}

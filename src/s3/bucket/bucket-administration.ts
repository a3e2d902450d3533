import { isDeepStrictEqual } from 'node:util';
import {
  DeleteBucketPolicyCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
} from '@aws-sdk/client-s3';
import type {
  BucketLifecycle,
  BucketPolicyStatement,
  BucketProvisioning,
  BucketSettings,
  BucketVersioning,
  RetainedObjects,
  StatementChange,
} from '../../model/bucket.js';
import type { Call } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { createS3Client } from '../client.js';
import { createContext, request, type S3Context, type Send } from '../context.js';
import { blocksSseC, unblockedRules } from '../errors/diagnosis.js';
import type { S3StoreOptions } from '../options.js';
import { Retries } from '../retry.js';
import {
  bucketVersioning,
  encryptionRule,
  lifecycleRules,
  policyText,
  summariseLifecycle,
} from './bucket-rules.js';
import { hasObjectLock, locksNewObjects } from './object-lock.js';
import { putRetained } from './retained-objects.js';

export type BucketAdministration = BucketSettings & BucketProvisioning & RetainedObjects & AsyncDisposable;

/** Returns access to the settings of buckets, with its own connections. Throws as `createS3ObjectStore`. */
export function createBucketAdministration(options: S3StoreOptions): BucketAdministration {
  return new S3BucketAdministration(options);
}

const lifecycleRuleId = 'sftpgw-unfinished-uploads';

class S3BucketAdministration implements BucketAdministration {
  readonly #context: S3Context;
  readonly #retries: Retries;

  constructor(options: S3StoreOptions) {
    this.#context = createContext(createS3Client(options), options);
    this.#retries = new Retries(options);
  }

  versioning(call: Call, bucket: string): Promise<BucketVersioning> {
    return this.#attempt(call, 'GetBucketVersioning', () => bucketVersioning(this.#context, call, bucket));
  }

  async lifecycle(call: Call, bucket: string): Promise<BucketLifecycle> {
    const { Rules } = await this.#attempt(call, 'GetBucketLifecycleConfiguration', () =>
      lifecycleRules(this.#context, call, bucket),
    );
    return summariseLifecycle(Rules ?? []);
  }

  async blocksSseC(call: Call, bucket: string): Promise<boolean> {
    return blocksSseC(
      await this.#attempt(call, 'GetBucketEncryption', () => encryptionRule(this.#context, call, bucket)),
    );
  }

  async policy(call: Call, bucket: string): Promise<readonly BucketPolicyStatement[]> {
    const text = await this.#attempt(call, 'GetBucketPolicy', () => policyText(this.#context, call, bucket));
    const statements = text === null ? [] : statementsOf(text, bucket);
    return statements.filter(
      (statement): statement is BucketPolicyStatement => typeof statement === 'object' && statement !== null,
    );
  }

  locksNewObjects(call: Call, bucket: string): Promise<boolean> {
    return this.#attempt(call, 'GetObjectLockConfiguration', () =>
      locksNewObjects(this.#context, call, bucket),
    );
  }

  async allowSseC(call: Call, bucket: string): Promise<boolean> {
    const rule = await this.#attempt(call, 'GetBucketEncryption', () =>
      encryptionRule(this.#context, call, bucket),
    );
    if (!blocksSseC(rule)) return false;
    const command = new PutBucketEncryptionCommand({
      Bucket: bucket,
      ServerSideEncryptionConfiguration: unblockedRules(rule),
    });
    await this.#put(call, bucket, 'PutBucketEncryption', 's3:PutEncryptionConfiguration', (options) =>
      this.#context.client.send(command, options),
    );
    return true;
  }

  async hasObjectLock(call: Call, bucket: string): Promise<boolean> {
    try {
      return await this.#attempt(call, 'GetObjectLockConfiguration', () =>
        hasObjectLock(this.#context, call, bucket),
      );
    } catch (error) {
      // Other servers do not know the request, and a role may lack the permission.
      if (isFault(error, 'not-found', 'unsupported', 'denied')) return false;
      throw error;
    }
  }

  async putRetained(call: Call, ref: ObjectRef, bytes: Uint8Array, retainUntilMs: number): Promise<void> {
    await this.#attempt(call, 'PutObject', () =>
      putRetained(this.#context, call, ref, bytes, new Date(retainUntilMs)),
    );
  }

  async setStatements(call: Call, bucket: string, change: StatementChange): Promise<boolean> {
    const text = await this.#attempt(call, 'GetBucketPolicy', () => policyText(this.#context, call, bucket));
    const now = text === null ? [] : statementsOf(text, bucket);
    const gone = new Set<unknown>([...change.statements.map(({ Sid }) => Sid), ...change.obsoleteSids]);
    const wanted = [...now.filter((statement) => !gone.has(sidOf(statement))), ...change.statements];
    if (isDeepStrictEqual(new Set(wanted), new Set(now))) return false;
    const { client } = this.#context;
    if (wanted.length === 0) {
      await this.#put(call, bucket, 'DeleteBucketPolicy', 's3:DeleteBucketPolicy', (options) =>
        client.send(new DeleteBucketPolicyCommand({ Bucket: bucket }), options),
      );
      return true;
    }
    const policy = JSON.stringify({ Version: '2012-10-17', Statement: wanted });
    await this.#put(call, bucket, 'PutBucketPolicy', 's3:PutBucketPolicy', (options) =>
      client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: policy }), options),
    );
    return true;
  }

  async abortIncompleteUploads(call: Call, bucket: string, afterDays: number): Promise<boolean> {
    const { Rules: rules = [] } = await this.#attempt(call, 'GetBucketLifecycleConfiguration', () =>
      lifecycleRules(this.#context, call, bucket),
    );
    if (summariseLifecycle(rules).abortsIncompleteUploads) return false;
    const command = new PutBucketLifecycleConfigurationCommand({
      Bucket: bucket,
      LifecycleConfiguration: {
        Rules: [
          ...rules.filter((rule) => rule.ID !== lifecycleRuleId),
          {
            ID: lifecycleRuleId,
            Status: 'Enabled',
            Filter: { Prefix: '' },
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: afterDays },
          },
        ],
      },
    });
    await this.#put(
      call,
      bucket,
      'PutBucketLifecycleConfiguration',
      's3:PutLifecycleConfiguration',
      (options) => this.#context.client.send(command, options),
    );
    return true;
  }

  #attempt<T>(call: Call, what: string, attempt: () => Promise<T>): Promise<T> {
    return this.#retries.run(call, what, attempt);
  }

  async #put(
    call: Call,
    bucket: string,
    operation: string,
    permission: string,
    send: Send<unknown>,
  ): Promise<void> {
    await this.#attempt(call, operation, () =>
      request(this.#context, call, send, { operation, bucket, key: null, permission }, { does: 'other' }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#context.client.destroy();
  }
}

/** Returns the statements of a policy. A single one may be outside a list. */
function statementsOf(text: string, bucket: string): readonly unknown[] {
  try {
    const { Statement: statement } = JSON.parse(text) as { Statement?: unknown };
    return Array.isArray(statement) ? statement : statement === undefined ? [] : [statement];
  } catch (error) {
    throw new Fault('invalid', `the policy of bucket "${bucket}" is not JSON; correct it first`, {
      cause: error,
    });
  }
}

function sidOf(statement: unknown): unknown {
  return typeof statement === 'object' && statement !== null && 'Sid' in statement
    ? statement.Sid
    : undefined;
}

import {
  GetBucketEncryptionCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type S3Client,
  type ServerSideEncryptionRule,
} from '@aws-sdk/client-s3';
import type { Call, Clock } from '../../model/call.js';
import { noKey, type ReadAccess, type WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { keyNotApplicable, readInput } from '../encryption-headers.js';
import { withSentence } from './s3-error.js';
import { type Attempt, isRangeRefusal, placeOf, translate, type Verdict } from './translate.js';

/** Subject of a request, with the key that it sent. */
export type Subject =
  | {
      readonly does: 'read';
      readonly ref: ObjectRef;
      readonly access: ReadAccess;
      readonly versionId?: string;
    }
  | {
      readonly does: 'write';
      readonly ref: ObjectRef;
      readonly encryption: WriteEncryption;
      readonly ifAbsent?: boolean;
    }
  | { readonly does: 'other' };

/** How long a bucket's settings are remembered. */
const memoryMs = 60_000;

interface BucketRule {
  readonly seenMs: number;
  /** Null when reading the rule is not allowed. */
  readonly rule: ServerSideEncryptionRule | null;
}

/**
 * Distinguishes errors that S3 answers alike: a 403 for a missing permission, a wrong key or a bucket that
 * blocks SSE-C; a 400 for a missing key, a superfluous key or anything else; a 404 for an object or a bucket.
 * Sends further requests for that, with and without the key, and reads the bucket's settings.
 */
export class Diagnosis {
  readonly #client: S3Client;
  readonly #clock: Clock;
  readonly #bucketsSeen = new Map<string, number>();
  readonly #rules = new Map<string, BucketRule>();

  constructor(client: S3Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Returns null when the object is absent. Throws the fault otherwise. */
  async explain(call: Call, thrown: unknown, attempt: Attempt, subject: Subject): Promise<null> {
    const verdict = translate(thrown, attempt);
    switch (verdict.kind) {
      case 'fault':
        if (verdict.fault.kind === 'conflict' && subject.does === 'write' && subject.ifAbsent) {
          throw new Fault('exists', `there is already an object ${placeOf(attempt)}`, {
            cause: verdict.fault,
          });
        }
        throw verdict.fault;
      case 'absent':
        return null;
      case 'absent-or-no-bucket':
        return this.#absentObject(call, attempt);
      case 'no-upload':
        throw new Fault(
          'not-found',
          `the multipart upload of ${placeOf(attempt)} does not exist; it was completed or aborted elsewhere`,
        );
      case 'doubt':
        if (subject.does === 'read') return this.#doubtfulRead(call, verdict, attempt, subject);
        throw await this.#doubtfulWrite(call, verdict, attempt, subject);
    }
  }

  async #absentObject(call: Call, attempt: Attempt): Promise<null> {
    const seenMs = this.#bucketsSeen.get(attempt.bucket);
    if (seenMs !== undefined && this.#clock.monotonicMs() - seenMs < memoryMs) return null;
    const asked: Attempt = {
      operation: 'HeadBucket',
      bucket: attempt.bucket,
      key: null,
      permission: 's3:ListBucket',
    };
    const command = new HeadBucketCommand({ Bucket: attempt.bucket });
    const failed = await this.#try(() => this.#client.send(command, { abortSignal: call.signal }), asked);
    if (failed?.kind === 'absent' || failed?.kind === 'absent-or-no-bucket') {
      throw new Fault(
        'not-found',
        `there is no bucket "${attempt.bucket}"; create it or correct the setting`,
      );
    }
    if (failed?.kind === 'fault') throw failed.fault;
    this.#bucketsSeen.set(attempt.bucket, this.#clock.monotonicMs());
    return null;
  }

  /** Returns null when the command succeeds. */
  async #try(send: () => Promise<unknown>, asked: Attempt): Promise<Verdict | null> {
    try {
      await send();
      return null;
    } catch (error) {
      return translate(error, asked);
    }
  }

  async #doubtfulRead(
    call: Call,
    first: Extract<Verdict, { kind: 'doubt' }>,
    attempt: Attempt,
    subject: Extract<Subject, { does: 'read' }>,
  ): Promise<null> {
    // The error answer to a HEAD has no body. A GET of one byte returns the code.
    const verdict = first.code === null ? await this.#askForCode(call, first, attempt, subject) : first;
    if (verdict === null)
      throw new Fault('unavailable', `S3 refused ${placeOf(attempt)} once, and then allowed it`);
    if (verdict.kind === 'fault') throw verdict.fault;
    if (verdict.kind !== 'doubt') return null;
    const { status, code, message, cause } = verdict;
    if (code === 'InvalidArgument' && /version/i.test(message)) return null;
    if (needsTls(message)) throw keyOverHttp(attempt, cause);
    if (subject.access.kind === 'no-key') {
      if (status === 400) throw keyMissing(subject.ref, cause);
      throw denied(
        attempt,
        cause,
        ' (S3 answers a missing object in the same way unless s3:ListBucket is allowed)',
      );
    }
    const bare = await this.#headWithout(call, subject);
    if (bare === null) throw keyNotApplicable(subject.ref);
    if (bare.kind === 'fault') throw bare.fault;
    if (bare.kind === 'doubt' && (bare.status === 400 || /secret key/i.test(message))) {
      throw keyMismatch(subject.ref, cause);
    }
    if (bare.kind !== 'doubt') return null;
    throw denied(attempt, cause);
  }

  async #askForCode(
    call: Call,
    first: Verdict,
    attempt: Attempt,
    subject: Extract<Subject, { does: 'read' }>,
  ): Promise<Verdict | null> {
    const { ref, access, versionId } = subject;
    const command = new GetObjectCommand({
      Bucket: ref.bucket,
      Key: ref.key,
      Range: 'bytes=0-0',
      ...(versionId === undefined ? {} : { VersionId: versionId }),
      ...readInput(access),
    });
    try {
      await this.#client.send(command, { abortSignal: call.signal });
      return null;
    } catch (error) {
      // Ceph checks the range before the key, so an empty object gives no code.
      return isRangeRefusal(error) ? first : translate(error, attempt);
    }
  }

  #headWithout(call: Call, subject: Extract<Subject, { does: 'read' }>): Promise<Verdict | null> {
    const { ref, versionId } = subject;
    const command = new HeadObjectCommand({
      Bucket: ref.bucket,
      Key: ref.key,
      ...(versionId === undefined ? {} : { VersionId: versionId }),
      ...readInput(noKey),
    });
    const asked: Attempt = { operation: 'HeadObject', ...ref, permission: 's3:GetObject' };
    return this.#try(() => this.#client.send(command, { abortSignal: call.signal }), asked);
  }

  async #doubtfulWrite(
    call: Call,
    verdict: Extract<Verdict, { kind: 'doubt' }>,
    attempt: Attempt,
    subject: Subject,
  ): Promise<Fault> {
    const { status, code, message, cause } = verdict;
    const withKey = subject.does === 'write' && subject.encryption.kind === 'sse-c';
    if (status === 403) {
      const rule = withKey ? await this.#encryptionRule(call, attempt.bucket) : null;
      if (rule !== null && blocksSseC(rule)) return sseCBlocked(attempt.bucket, rule, cause);
      const maybe =
        withKey && rule === null
          ? '; or the bucket blocks SSE-C: allow s3:GetEncryptionConfiguration to find out'
          : '';
      return denied(attempt, cause, maybe);
    }
    if (needsTls(message)) return keyOverHttp(attempt, cause);
    if (withKey && /did not match/i.test(message)) {
      return new Fault('key-mismatch', `the upload of ${placeOf(attempt)} began with another customer key`, {
        cause,
      });
    }
    return new Fault(
      'invalid',
      withSentence(
        `S3 refuses ${attempt.operation} of ${placeOf(attempt)} (${code ?? `HTTP ${status}`})`,
        cause,
      ),
      { cause },
    );
  }

  /** Returns whether the bucket blocks SSE-C; null when reading that is not allowed. */
  async sseCBlocked(call: Call, bucket: string): Promise<boolean | null> {
    const rule = await this.#encryptionRule(call, bucket);
    return rule === null ? null : blocksSseC(rule);
  }

  async #encryptionRule(call: Call, bucket: string): Promise<ServerSideEncryptionRule | null> {
    const known = this.#rules.get(bucket);
    if (known !== undefined && this.#clock.monotonicMs() - known.seenMs < memoryMs) return known.rule;
    let rule: ServerSideEncryptionRule | null;
    try {
      const answer = await this.#client.send(new GetBucketEncryptionCommand({ Bucket: bucket }), {
        abortSignal: call.signal,
      });
      rule = answer.ServerSideEncryptionConfiguration?.Rules?.[0] ?? {};
    } catch (error) {
      const none = error instanceof Error && error.name === 'ServerSideEncryptionConfigurationNotFoundError';
      rule = none ? {} : null;
    }
    this.#rules.set(bucket, { seenMs: this.#clock.monotonicMs(), rule });
    return rule;
  }
}

/** True when a bucket's rule blocks customer keys. */
export function blocksSseC(rule: ServerSideEncryptionRule): boolean {
  return rule.BlockedEncryptionTypes?.EncryptionType?.includes('SSE-C') ?? false;
}

/** Returns a bucket's rule with SSE-C allowed and the rest unchanged. */
export function unblockedRules(rule: ServerSideEncryptionRule): {
  readonly Rules: ServerSideEncryptionRule[];
} {
  return {
    Rules: [
      {
        ApplyServerSideEncryptionByDefault: rule.ApplyServerSideEncryptionByDefault ?? {
          SSEAlgorithm: 'AES256',
        },
        ...(rule.BucketKeyEnabled === undefined ? {} : { BucketKeyEnabled: rule.BucketKeyEnabled }),
        BlockedEncryptionTypes: { EncryptionType: ['NONE'] },
      },
    ],
  };
}

/**
 * Returns the fault for a bucket that blocks SSE-C, with the command that allows it and keeps the rest of the
 * rule. https://docs.aws.amazon.com/AmazonS3/latest/userguide/blocking-unblocking-s3-c-encryption-gpb.html
 */
export function sseCBlocked(bucket: string, rule: ServerSideEncryptionRule, cause?: unknown): Fault {
  return new Fault(
    'sse-c-blocked',
    `bucket "${bucket}" blocks customer keys (SSE-C); ` +
      `unblock it with \`sftpgw setup --allow-sse-c\`, or with: aws s3api put-bucket-encryption --bucket ${bucket} ` +
      `--server-side-encryption-configuration '${JSON.stringify(unblockedRules(rule))}'`,
    { cause },
  );
}

function keyMissing(ref: ObjectRef, cause: Error): Fault {
  return new Fault(
    'key-missing',
    `"${ref.key}" in bucket "${ref.bucket}" is encrypted with a customer key (SSE-C), and none was sent`,
    { cause },
  );
}

function keyMismatch(ref: ObjectRef, cause: Error): Fault {
  return new Fault(
    'key-mismatch',
    `"${ref.key}" in bucket "${ref.bucket}" is encrypted with another customer key than the one sent`,
    { cause },
  );
}

function needsTls(message: string): boolean {
  return /over a secure connection/i.test(message);
}

function keyOverHttp(attempt: Attempt, cause: Error): Fault {
  const hint = `S3 refuses ${attempt.operation} of ${placeOf(attempt)}: customer keys need https; set an https endpoint`;
  return new Fault('invalid', withSentence(hint, cause), { cause });
}

/**
 * AWS names the missing action.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
 */
const missingAction = /not authorized to perform: (s3:[A-Za-z]+)/;

function denied(attempt: Attempt, cause: Error, aside = ''): Fault {
  const named = missingAction.exec(cause.message)?.[1];
  const instead = named === 's3:PutObjectTagging' ? ` (or set ledger.tags=no)` : '';
  const permission = named === undefined ? attempt.permission : `${named}${instead}`;
  const isExplicit = /explicit deny/i.test(cause.message);
  const remedy = isExplicit ? `change the policy that denies ${permission}` : `allow ${permission}${aside}`;
  return new Fault(
    'denied',
    withSentence(`S3 does not allow ${attempt.operation} of ${placeOf(attempt)}; ${remedy}`, cause),
    { cause },
  );
}

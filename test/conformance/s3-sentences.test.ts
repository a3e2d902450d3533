import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { renderFault } from '../../src/cli/terminal/render.js';
import type { Call, LogFields, Logger } from '../../src/model/call.js';
import type { Fault, FaultKind } from '../../src/model/fault.js';
import { probeS3 } from '../../src/s3/bucket/probe.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import type { S3StoreOptions } from '../../src/s3/options.js';
import { faultText, logFault } from '../../src/sftp/status.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { bodyOf, faultOf, newKey, sseC, writeOptions } from './fixtures.js';

/*
 * Sentences of S3 and what a user, an administrator and the log get of them. Texts of AWS:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
 */

const bucket = 'example-bucket';
const ref = { bucket, key: 'bob/uploads/private/report.txt' };
const account = '111122223333';
const denial = (action: string, why: string) =>
  `User: arn:aws:iam::${account}:role/gateway/i-0abc is not authorized to perform: ${action} on resource: ` +
  `"arn:aws:s3:::${bucket}/${ref.key}" ${why}`;

interface Sentence {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly kind: FaultKind;
  /** S3's sentence as a user reads it. */
  readonly user: string;
  /** The remedy, as the administrator reads it. */
  readonly remedy: string;
}

const sentences: readonly Sentence[] = [
  {
    status: 403,
    code: 'AccessDenied',
    message: denial('s3:PutObject', 'with an explicit deny in a resource-based policy'),
    kind: 'denied',
    user: 'with an explicit deny in a resource-based policy',
    remedy: 'change the policy that denies s3:PutObject',
  },
  {
    status: 403,
    code: 'AccessDenied',
    message: denial('s3:PutObject', 'because no identity-based policy allows the s3:PutObject action'),
    kind: 'denied',
    user: 'because no identity-based policy allows the s3:PutObject action',
    remedy: 'allow s3:PutObject',
  },
  {
    status: 403,
    code: 'AccessDenied',
    message: denial('kms:GenerateDataKey', 'with an explicit deny in a service control policy'),
    kind: 'denied',
    user: 'kms:GenerateDataKey',
    remedy: 'change the policy',
  },
  {
    status: 400,
    code: 'InvalidRequest',
    message:
      'Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.',
    kind: 'invalid',
    user: 'must be made over a secure connection',
    remedy: 'set an https endpoint',
  },
  {
    status: 400,
    code: 'InvalidArgument',
    message: `The ACL of ${bucket} cannot be set`,
    kind: 'invalid',
    user: 'The ACL of [bucket] cannot be set',
    remedy: 'InvalidArgument',
  },
  {
    status: 400,
    code: 'KMS.DisabledException',
    message: `arn:aws:kms:eu-central-1:${account}:key/1234 is disabled.`,
    kind: 'invalid',
    user: 'is disabled.',
    remedy: 'check its ARN and state',
  },
  {
    status: 501,
    code: 'NotImplemented',
    message: 'A header you provided implies functionality that is not implemented.',
    kind: 'unsupported',
    user: 'implies functionality that is not implemented',
    remedy: 'does not support this PutObject',
  },
  {
    status: 403,
    code: 'QuotaExceeded',
    message: `account ${account} has no space left`,
    kind: 'over-quota',
    user: 'account [id] has no space left',
    remedy: 'has reached its quota',
  },
  {
    status: 403,
    code: 'InvalidAccessKeyId',
    message: 'The AWS Access Key Id AKIAIOSFODNN7EXAMPLE you provided does not exist in our records.',
    kind: 'denied',
    user: 'The AWS Access Key Id [id] you provided',
    remedy: 'correct the AWS credentials',
  },
  {
    status: 418,
    code: 'Teapot',
    message: 'the server is short and stout',
    kind: 'bug',
    user: 'the server is short and stout',
    remedy: 'unexpected answer',
  },
];

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Returns what the log at the default level gets for a fault that a request was answered with. */
function logged(call: Call, fault: Fault): string {
  const lines: string[] = [];
  const keep = (message: string, fields?: LogFields) => {
    const error = fields?.['error'];
    lines.push(`${message} ${error instanceof Error ? error.message : ''}`);
  };
  const log: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => log };
  logFault({ ...call, log }, 'CLOSE', fault);
  return lines.join('\n');
}

describe('a sentence of S3', () => {
  const call: Call = { id: 'request-1', signal: new AbortController().signal, log: silent };
  const key = newKey();
  let server: FaultProxy;
  let store: S3ObjectStore;

  beforeAll(async () => {
    server = await FaultProxy.start('http://127.0.0.1:9', null);
    store = createS3ObjectStore(options());
  });
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  function options(): S3StoreOptions {
    return {
      endpoint: server.endpoint,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      clock: systemClock,
      entropy: systemEntropy,
      retry: { maxAttempts: 1 },
    };
  }

  it.each(sentences)('$code reaches users without names, and administrators in full', async (row) => {
    const escaped = row.message.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
    const body = `<?xml version="1.0"?><Error><Code>${row.code}</Code><Message>${escaped}</Message></Error>`;
    server.decide = () => ({ do: 'answer', status: row.status, body });
    const fault = await faultOf(store.put(call, ref, bodyOf('x'), writeOptions(sseC(key))), row.kind);

    const user = faultText(fault, call);
    expect(user).toContain(row.user);
    for (const hidden of [bucket, 'bob/uploads', account, 'arn:', 'AKIA']) expect(user).not.toContain(hidden);
    const administrator = renderFault('sftpgw', fault);
    if (row.kind !== 'bug') expect(administrator).toContain(row.message);
    expect(fault.hint).toContain(row.remedy);
    expect(logged(call, fault)).toContain(row.message);
    if (row.kind === 'bug') return;
    const [finding] = await probeS3(call, options(), { bucket, sseC: true });
    expect(`${finding?.what} ${finding?.whatToDo}`).toContain(row.message);
  });
});

import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { type Event, PutBucketNotificationConfigurationCommand, type S3Client } from '@aws-sdk/client-s3';
import type { S3Target } from '../support/s3-targets.js';

/**
 * The part of SNS that Ceph RGW supports on its S3 port: topics with a push address. It uses HTTPS, without
 * which RGW refuses addresses with credentials. https://docs.ceph.com/en/latest/radosgw/notifications/
 */
export class RgwTopics {
  readonly #target: S3Target;

  constructor(target: S3Target) {
    this.#target = target;
  }

  /** Creates a topic and returns its ARN. */
  async create(name: string, pushEndpoint: string): Promise<string> {
    const answer = await this.#send({
      Action: 'CreateTopic',
      Name: name,
      'Attributes.entry.1.key': 'push-endpoint',
      'Attributes.entry.1.value': pushEndpoint,
    });
    const [, arn] = /<TopicArn>([^<]+)<\/TopicArn>/.exec(answer) ?? [];
    if (arn === undefined) throw new Error(`no topic was created: ${answer}`);
    return arn;
  }

  async remove(arn: string): Promise<void> {
    await this.#send({ Action: 'DeleteTopic', TopicArn: arn });
  }

  async #send(parameters: Readonly<Record<string, string>>): Promise<string> {
    const { endpoint, caFile } = this.#target;
    const { hostname, port, host } = new URL(endpoint);
    const body = new URLSearchParams(parameters).toString();
    const headers = { ...this.#sign(host, body), 'content-length': String(Buffer.byteLength(body)) };
    const ca = caFile === null ? {} : { ca: readFileSync(caFile) };
    return await new Promise((resolve, reject) => {
      const outgoing = request({ hostname, port, method: 'POST', path: '/', headers, ...ca }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (incoming.statusCode === 200) resolve(text);
          else reject(new Error(`${parameters['Action']}: ${incoming.statusCode} ${text}`));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
  #sign(host: string, body: string): Record<string, string> {
    const { credentials, region } = this.#target;
    const timestamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const scope = `${timestamp.slice(0, 8)}/${region}/sns/aws4_request`;
    const signed = {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      host,
      'x-amz-date': timestamp,
    };
    const names = Object.keys(signed).join(';');
    const lines = Object.entries(signed).map(([name, value]) => `${name}:${value}`);
    const canonical = ['POST', '/', '', ...lines, '', names, sha256(body)].join('\n');
    const toSign = ['AWS4-HMAC-SHA256', timestamp, scope, sha256(canonical)].join('\n');
    const key = scope
      .split('/')
      .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${credentials.secretAccessKey}`);
    const signature = hmac(key, toSign).toString('hex');
    const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    return { ...signed, authorization };
  }
}

/** Returns the reason why the target's topics cannot be tested, or null. */
export function whyNoRgwTopics({ skip, name, endpoint }: S3Target): string | null {
  if (skip !== null) return skip;
  if (!/ceph/i.test(name)) return `SFTPGW_TEST_S3_NAME is "${name}", not a Ceph`;
  return endpoint.startsWith('https:')
    ? null
    : 'SFTPGW_TEST_S3_ENDPOINT is not https, which topics with a secret require';
}

const events: Event[] = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'];

/** Sends the bucket's changes below the prefix to the topic. */
export async function notifyTopic(
  s3: S3Client,
  Bucket: string,
  TopicArn: string,
  prefix: string,
): Promise<void> {
  const Filter = { Key: { FilterRules: [{ Name: 'prefix' as const, Value: prefix }] } };
  const NotificationConfiguration = {
    TopicConfigurations: [{ Id: 'gateway', TopicArn, Events: events, Filter }],
  };
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

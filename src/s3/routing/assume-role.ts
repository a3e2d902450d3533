import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import { Fault } from '../../model/fault.js';
import { isLoopbackHost } from '../../network/local-hosts.js';
import { encodeRfc3986 } from '../http/exchange.js';
import { readText } from '../http/read-text.js';
import type { S3Transport } from '../http/transport.js';
import { parseXml } from '../xml.js';
import { refusedRole, unusableSts } from './sts-error.js';

/** The role to assume, and the name of the session in the logs of AWS. */
export interface RoleRequest {
  readonly roleArn: string;
  readonly externalId: string | null;
  readonly sessionName: string;
}

/** Temporary credentials. */
export interface RoleSession {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** The connection to STS. `client` has the gateway's own credentials and signs for `region`. */
export interface StsConnection {
  readonly client: S3Client;
  readonly transport: Pick<S3Transport, 'handle'>;
  readonly endpoint: string;
  readonly region: string;
}

/** Max time of one request to STS. */
const requestTimeoutMs = 15_000;
/** Lifetime of a session: the longest that every role allows. */
const sessionSeconds = 3600;
const maxAnswerBytes = 64 * 1024;

/** Returns the name of a user's session: up to 64 of the characters that STS allows. */
export function sessionNameOf(username: string): string {
  return `sftpgw-${username.replace(/[^\w+=,.@-]/g, '-')}`.slice(0, 64);
}

/** Returns the address of STS in a region. */
export function stsEndpoint(region: string): string {
  return `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

/**
 * Requests temporary credentials (STS AssumeRole), with one attempt. Throws `denied` if STS refuses, `invalid`
 * for an address without TLS, and `unavailable` if STS does not answer.
 */
export async function assumeRole(sts: StsConnection, role: RoleRequest): Promise<RoleSession> {
  const url = new URL(sts.endpoint);
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname))
    throw new Fault(
      'invalid',
      `the STS endpoint ${sts.endpoint} is plain http, over which credentials are not requested; set sts.endpoint to an https:// address`,
    );
  const abortSignal = AbortSignal.timeout(requestTimeoutMs);
  try {
    const { response } = await sts.transport.handle(await signed(sts, url, role), { abortSignal });
    const text = await readText(response.body, maxAnswerBytes, abortSignal);
    if (response.statusCode !== 200) throw refusalOf(role.roleArn, response.statusCode, text ?? '');
    const session = sessionOf(text ?? '');
    if (session === null) throw unusableSts(url.host, role.roleArn, 'the answer has no credentials');
    return session;
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (isCredentialsError(error)) throw error;
    throw unusableSts(url.host, role.roleArn, 'STS does not answer', error);
  }
}

/** True if the gateway's own credentials could not be loaded, which other code explains. */
function isCredentialsError(error: unknown): boolean {
  return error instanceof Error && /^(?:Credentials|Token)ProviderError$/.test(error.name);
}

async function signed({ client, region }: StsConnection, url: URL, role: RoleRequest) {
  const fields: Readonly<Record<string, string | null>> = {
    Action: 'AssumeRole',
    Version: '2011-06-15',
    RoleArn: role.roleArn,
    RoleSessionName: role.sessionName,
    DurationSeconds: String(sessionSeconds),
    ExternalId: role.externalId,
  };
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    value === null ? [] : [`${name}=${encodeRfc3986(value)}`],
  );
  const body = Buffer.from(pairs.join('&'));
  const port = url.port === '' ? {} : { port: Number(url.port) };
  const signer = await client.config.signer({
    name: 'sigv4',
    signingName: 'sts',
    signingRegion: region,
    properties: {},
  });
  const request = await signer.sign(
    {
      protocol: url.protocol,
      hostname: url.hostname,
      ...port,
      method: 'POST',
      path: '/',
      query: {},
      headers: {
        host: url.host,
        'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
        'content-length': String(body.byteLength),
        'x-amz-content-sha256': createHash('sha256').update(body).digest('hex'),
      },
      body,
    },
    {
      signingDate: new Date(Date.now() + client.config.systemClockOffset),
      signingRegion: region,
      signingService: 'sts',
    },
  );
  return {
    protocol: url.protocol,
    hostname: url.hostname,
    ...port,
    method: 'POST',
    path: '/',
    headers: request.headers,
    body,
  };
}

function refusalOf(roleArn: string, status: number, text: string): Fault {
  const { Code: code, Message: message } = documentOf(text).ErrorResponse?.Error ?? {};
  return refusedRole(roleArn, status, textOf(code, 'Unknown'), textOf(message, `HTTP status ${status}`));
}

function sessionOf(text: string): RoleSession | null {
  const found = documentOf(text).AssumeRoleResponse?.AssumeRoleResult?.Credentials ?? {};
  const accessKeyId = textOf(found.AccessKeyId, '');
  const secretAccessKey = textOf(found.SecretAccessKey, '');
  const sessionToken = textOf(found.SessionToken, '');
  const expiration = new Date(textOf(found.Expiration, ''));
  const isWhole = accessKeyId !== '' && secretAccessKey !== '' && sessionToken !== '';
  if (!isWhole || Number.isNaN(expiration.getTime())) return null;
  return { accessKeyId, secretAccessKey, sessionToken, expiration };
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : otherwise;
}

interface SessionDocument {
  readonly AccessKeyId?: unknown;
  readonly SecretAccessKey?: unknown;
  readonly SessionToken?: unknown;
  readonly Expiration?: unknown;
}

interface StsDocument {
  readonly AssumeRoleResponse?: {
    readonly AssumeRoleResult?: { readonly Credentials?: SessionDocument };
  };
  readonly ErrorResponse?: { readonly Error?: { readonly Code?: unknown; readonly Message?: unknown } };
}

/** A proxy may answer with a page of its own. */
function documentOf(text: string): StsDocument {
  try {
    return parseXml(text, []) as StsDocument;
  } catch {
    return {};
  }
}

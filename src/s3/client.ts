import { readFileSync } from 'node:fs';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { Fault } from '../model/fault.js';
import { ProxyRules } from '../network/proxy-rules.js';
import type { TransportOptions } from './http/exchange.js';
import { S3Transport } from './http/transport.js';
import { clientDefaults, type S3ClientOptions } from './options.js';

/** The SDK's client and its transport. Destroying the client closes the transport's connections. */
export interface S3Connection {
  readonly client: S3Client;
  readonly transport: S3Transport;
}

/**
 * Creates the client of one store. The SDK's own retries, checksums, redirects, logging and `Expect:
 * 100-continue` are off: retries have one layer (retry.ts), checksums are known before the body is sent, and
 * a redirect could send a key to another host. Throws `invalid` when the CA file cannot be read, a proxy
 * of the environment is not valid, or the endpoint is not a URL.
 */
export function createS3Client(options: S3ClientOptions): S3Connection {
  const endpoint = endpointInUse(options);
  const transport = options.transport ?? new S3Transport(transportOptions(options));
  const config: S3ClientConfig = {
    requestHandler: transport,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    followRegionRedirects: false,
    forcePathStyle: options.forcePathStyle ?? endpoint !== null,
    ...(endpoint === null ? {} : { endpoint: checkedEndpoint(endpoint) }),
    ...regionOf(options.region, endpoint),
    ...credentialsOf(options),
  };
  return { client: new S3Client(config), transport };
}

function credentialsOf({ credentials }: S3ClientOptions): Pick<S3ClientConfig, 'credentials'> {
  if (!credentials) return {};
  return { credentials: 'provide' in credentials ? credentials.provide : { ...credentials } };
}

/**
 * Returns the options of a client's connections. Throws `invalid` when the CA file cannot be read, or a proxy of the
 * environment is not valid.
 */
export function transportOptions(options: S3ClientOptions): TransportOptions {
  return {
    ca: trustedCertificates(options.caFile ?? process.env['AWS_CA_BUNDLE'] ?? null),
    proxies: ProxyRules.fromEnvironment(),
    connectTimeoutMs: options.connectTimeoutMs ?? clientDefaults.connectTimeoutMs,
    idleTimeoutMs: options.idleTimeoutMs ?? clientDefaults.idleTimeoutMs,
    maxSockets: options.maxSockets ?? clientDefaults.maxSockets,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  };
}

/** Returns `host:port` of the proxy between the gateway and S3; null for a direct connection. Throws as `transportOptions`. */
export function proxyInUse(options: S3ClientOptions): string | null {
  const region = options.region ?? process.env['AWS_REGION'] ?? 'us-east-1';
  const url = new URL(checkedEndpoint(endpointInUse(options) ?? `https://s3.${region}.amazonaws.com`));
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  return ProxyRules.fromEnvironment().proxyFor({ secure, host: url.hostname, port })?.address ?? null;
}

/**
 * Returns the endpoint, null for AWS. The SDK would find that of the environment, but would not use path
 * style for it.
 */
export function endpointInUse(options: S3ClientOptions): string | null {
  const { AWS_ENDPOINT_URL_S3: forS3, AWS_ENDPOINT_URL: forAll } = process.env;
  return options.endpoint ?? (forS3 || forAll || null);
}

/** Servers other than AWS rarely check the region, but the SDK requires one. */
function regionOf(region: string | null, endpoint: string | null): { region?: string } {
  const named = region ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'];
  if (named !== undefined) return { region: named };
  return endpoint === null ? {} : { region: 'us-east-1' };
}

function checkedEndpoint(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Fault(
      'invalid',
      `the S3 endpoint "${endpoint}" is not a URL such as https://s3.example.com:9000`,
    );
  }
  return endpoint;
}

function trustedCertificates(caFile: string | null): string[] | null {
  if (caFile === null || caFile === '') return null;
  let text: string;
  try {
    text = readFileSync(caFile, 'utf8');
  } catch (error) {
    throw new Fault('invalid', `the CA file ${caFile} cannot be read`, { cause: error });
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new Fault('invalid', `the CA file ${caFile} does not contain a PEM certificate`);
  }
  return [text];
}

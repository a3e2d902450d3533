import { createHash, createHmac } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { Credentials } from '../credentials.js';

/** One HTTP request as it is sent: only the headers of the signature are added. */
export interface RawRequest {
  readonly method: string;
  /** Percent-encoded, with its leading slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  /** Elements of the error document; empty if there is none. */
  readonly code: string;
  readonly message: string;
}

export interface RawClient {
  (raw: RawRequest): Promise<RawAnswer>;
  close(): void;
}

/** Sends signed requests and returns the exact answers. */
export function rawClient(endpoint: string, credentials: Credentials): RawClient {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port, host } = new URL(endpoint);
  const send = (raw: RawRequest): Promise<RawAnswer> => {
    const { path, headers } = sign(raw, host, credentials);
    return new Promise((resolve, reject) => {
      const outgoing = request({ agent, hostname, port, method: raw.method, path, headers }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const body = Buffer.concat(chunks);
          const text = body.toString();
          const element = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '';
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body,
            text,
            code: element('Code'),
            message: element('Message').replaceAll('&quot;', '"'),
          });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(raw.body);
    });
  };
  return Object.assign(send, { close: () => agent.destroy() });
}

/**
 * Signs with Signature Version 4 and an unsigned payload.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function sign(
  raw: RawRequest,
  host: string,
  credentials: Credentials,
): { readonly path: string; readonly headers: Record<string, string> } {
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${timestamp.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const headers: Record<string, string> = {
    host,
    'x-amz-date': timestamp,
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    'content-length': String(Buffer.byteLength(raw.body ?? '')),
  };
  for (const [name, value] of Object.entries(raw.headers ?? {})) headers[name.toLowerCase()] = value;
  const signed = Object.keys(headers)
    .filter((name) => name === 'host' || name.startsWith('x-amz-') || name === 'content-md5')
    .sort();
  const query = Object.entries(raw.query ?? {})
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const canonical = [
    raw.method,
    raw.path,
    query,
    ...signed.map((name) => `${name}:${headers[name]?.trim()}`),
    '',
    signed.join(';'),
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', timestamp, scope, sha256(canonical)].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${credentials.secretAccessKey}`);
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${signed.join(';')}, Signature=${hmac(key, toSign).toString('hex')}`;
  return { path: query === '' ? raw.path : `${raw.path}?${query}`, headers };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

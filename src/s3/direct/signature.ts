import { createHmac, hash } from 'node:crypto';
import { encodeRfc3986 } from '../http/exchange.js';

/** Keys that sign requests. */
export interface SigningKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A request to sign. Header names are in lower case, and all are signed. */
export interface UnsignedRequest {
  readonly method: string;
  /** The encoded path. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Includes `host` and `x-amz-content-sha256`. */
  readonly headers: Readonly<Record<string, string>>;
}

interface DerivedKey {
  readonly of: string;
  readonly key: Buffer;
}

/**
 * Signs requests with AWS Signature Version 4 for S3
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html), as the SDK's signer does
 * (docs/decisions/0014-direct-s3-requests.md). Keeps the derived key of the day.
 */
export class RequestSigner {
  readonly #region: string;
  #derived: DerivedKey | null = null;

  constructor(region: string) {
    this.#region = region;
  }

  /** Returns the headers of the request with date, token and signature. */
  sign(request: UnsignedRequest, keys: SigningKeys, date: Date): Record<string, string> {
    const longDate = date.toISOString().replace(/[-:]|\.\d{3}/g, '');
    const day = longDate.slice(0, 8);
    const headers: Record<string, string> = { ...request.headers, 'x-amz-date': longDate };
    if (keys.sessionToken !== undefined) headers['x-amz-security-token'] = keys.sessionToken;
    const names = Object.keys(headers).sort();
    const signedNames = names.join(';');
    const scope = `${day}/${this.#region}/s3/aws4_request`;
    const hashed = hash('sha256', canonicalRequest(request, headers, names, signedNames), 'hex');
    const signature = hmac(
      this.#keyOf(keys.secretAccessKey, day),
      `AWS4-HMAC-SHA256\n${longDate}\n${scope}\n${hashed}`,
    ).toString('hex');
    headers['authorization'] =
      `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${signedNames}, Signature=${signature}`;
    return headers;
  }

  #keyOf(secret: string, day: string): Buffer {
    const of = `${day} ${secret}`;
    if (this.#derived?.of !== of) {
      const steps = [day, this.#region, 's3', 'aws4_request'];
      this.#derived = { of, key: steps.reduce(hmac, Buffer.from(`AWS4${secret}`)) };
    }
    return this.#derived.key;
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function canonicalRequest(
  { method, path, query }: UnsignedRequest,
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
  signedNames: string,
): string {
  let lines = `${method}\n${path}\n${canonicalQuery(query)}\n`;
  for (const name of names) lines += `${name}:${canonicalValue(headers[name] ?? '')}\n`;
  return `${lines}\n${signedNames}\n${headers['x-amz-content-sha256']}`;
}

/** Without spaces at both ends, and with single ones in between. */
function canonicalValue(value: string): string {
  if (!/\s/.test(value)) return value;
  return value
    .replace(/[\r\n]/g, ' ')
    .replace(/[ \t]+/g, ' ')
    .replace(/^ | $/g, '');
}

function canonicalQuery(query: Readonly<Record<string, string>>): string {
  const values = new Map(
    Object.entries(query).map(([name, value]) => [encodeRfc3986(name), encodeRfc3986(value)]),
  );
  return [...values.keys()]
    .sort()
    .map((name) => `${name}=${values.get(name)}`)
    .join('&');
}

import { createHash, createHmac } from 'node:crypto';

/** What a signature is made for: date, region, service. */
export interface SigningScope {
  readonly region: string;
  readonly service: string;
}

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A request without a body, as it goes out. */
export interface RequestToSign {
  readonly method: string;
  /** Encoded, as it stands in the request line. */
  readonly path: string;
  /** Encoded and sorted: `a=1&b=`. */
  readonly query: string;
  /** Lower-case names; `x-amz-date` and `x-amz-content-sha256` among them. */
  readonly headers: Readonly<Record<string, string>>;
}

const algorithm = 'AWS4-HMAC-SHA256';

/** The key of one day, region and service, which takes four HMACs to make, kept for the next request. */
export class SigningKeys {
  #secret = '';
  #scope = '';
  #key: Buffer = Buffer.alloc(0);

  of(credentials: SigningCredentials, day: string, { region, service }: SigningScope): Buffer {
    const scope = `${day}/${region}/${service}`;
    if (this.#scope === scope && this.#secret === credentials.secretAccessKey) return this.#key;
    const ofDay = hmac(`AWS4${credentials.secretAccessKey}`, day);
    this.#key = hmac(hmac(hmac(ofDay, region), service), 'aws4_request');
    this.#scope = scope;
    this.#secret = credentials.secretAccessKey;
    return this.#key;
  }
}

/**
 * The value of the Authorization header. `signedHeaders` are sorted names.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function authorization(
  keys: SigningKeys,
  credentials: SigningCredentials,
  scope: SigningScope,
  request: RequestToSign,
  signedHeaders: readonly string[],
): string {
  const { headers } = request;
  const date = headers['x-amz-date'] ?? '';
  const day = date.slice(0, 8);
  const names = signedHeaders.join(';');
  // Path and query are ASCII; a header's characters are the bytes that go out.
  let canonical = `${request.method}\n${request.path}\n${request.query}\n`;
  for (const name of signedHeaders)
    canonical += `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`;
  canonical += `\n${names}\n${headers['x-amz-content-sha256'] ?? ''}`;
  const credential = `${day}/${scope.region}/${scope.service}/aws4_request`;
  const digest = createHash('sha256').update(canonical, 'latin1').digest('hex');
  const text = `${algorithm}\n${date}\n${credential}\n${digest}`;
  const signature = createHmac('sha256', keys.of(credentials, day, scope))
    .update(text)
    .digest('hex');
  return `${algorithm} Credential=${credentials.accessKeyId}/${credential}, SignedHeaders=${names}, Signature=${signature}`;
}

/** `20261123T160000Z` */
export function amzDate(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

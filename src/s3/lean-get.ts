import type {
  ChecksumType,
  GetObjectCommand,
  GetObjectCommandOutput,
  S3Client,
  ServerSideEncryption,
} from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { ReadAccess } from '../model/encryption.js';
import type { ByteRange, ObjectRef, ReadCondition } from '../model/object-store.js';
import { type Answer, pathOf, type SignedRequest } from './exchange.js';
import { discardBody } from './read-body.js';
import { amzDate, authorization, SigningKeys, type SigningScope } from './request-signature.js';
import type { S3Transport } from './transport.js';

/** How GETs of one bucket go out: learned from one that the SDK made. */
interface Pattern {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: number | undefined;
  readonly host: string;
  /** What stands before the encoded key. */
  readonly pathPrefix: string;
  readonly payloadHash: string;
  readonly scope: SigningScope;
}

const maxPatterns = 1000;

/**
 * GetObject without the SDK's layers, which cost more CPU than all the rest of fetching a small object. Where requests go and
 * how they are signed is taken from a request that the SDK made for the same bucket, and only believed when signing that
 * request again gives the SDK's own signature. Whatever is not a plain success is left to the SDK: nothing is judged here.
 */
export class LeanGet {
  readonly #client: S3Client;
  readonly #transport: S3Transport;
  readonly #asksForChecksums: boolean;
  /** By bucket; null for one whose requests are not understood. */
  readonly #patterns = new Map<string, Pattern | null>();
  readonly #keys = new SigningKeys();

  constructor(client: S3Client, transport: S3Transport, asksForChecksums: boolean) {
    this.#client = client;
    this.#transport = transport;
    this.#asksForChecksums = asksForChecksums;
  }

  /** Sees to it that the command's request is learned from, when its bucket is not known yet. */
  learnFrom(command: GetObjectCommand, ref: ObjectRef): void {
    if (this.#patterns.has(ref.bucket)) return;
    command.middlewareStack.add(
      (next) => async (sent) => {
        await this.#learn(sent.request as SignedRequest, ref);
        return next(sent);
      },
      // The last step before the request leaves: it is signed.
      { step: 'deserialize', priority: 'low', name: 'leanGetLearns' },
    );
  }

  /** The answer when it is 200 or 206; null when the SDK has to ask. */
  async get(
    call: Call,
    ref: ObjectRef,
    access: ReadAccess,
    range: ByteRange | null,
    condition: ReadCondition,
  ): Promise<Answer | null> {
    const pattern = this.#patterns.get(ref.bucket);
    if (!pattern || condition.versionId !== undefined || call.signal.aborted) return null;
    try {
      const request = await this.#request(pattern, ref, access, range, condition);
      const { response } = await this.#transport.handle(request, {
        abortSignal: call.signal,
        intoSlabs: true,
      });
      if (response.statusCode === 200 || response.statusCode === 206) return response;
      discardBody(response.body);
      return null;
    } catch {
      return null;
    }
  }

  async #request(
    pattern: Pattern,
    ref: ObjectRef,
    access: ReadAccess,
    range: ByteRange | null,
    condition: ReadCondition,
  ): Promise<SignedRequest> {
    const credentials = await this.#client.config.credentials();
    const headers: Record<string, string> = {
      host: pattern.host,
      'x-amz-content-sha256': pattern.payloadHash,
      'x-amz-date': amzDate(Date.now() + this.#client.config.systemClockOffset),
    };
    if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;
    if (access.kind === 'sse-c') {
      headers['x-amz-server-side-encryption-customer-algorithm'] = 'AES256';
      headers['x-amz-server-side-encryption-customer-key'] = Buffer.from(access.key.reveal()).toString(
        'base64',
      );
      headers['x-amz-server-side-encryption-customer-key-md5'] = access.key.md5Base64;
    }
    // S3 keeps checksums of whole objects: of a range it has none to tell.
    if (range === null && this.#asksForChecksums) headers['x-amz-checksum-mode'] = 'ENABLED';
    const path = pattern.pathPrefix + encodedKey(ref.key);
    const signed = Object.keys(headers).sort();
    headers['authorization'] = authorization(
      this.#keys,
      credentials,
      pattern.scope,
      { method: 'GET', path, query: '', headers },
      signed,
    );
    if (range !== null) headers['range'] = `bytes=${range.start}-${range.end - 1}`;
    if (condition.ifMatch !== undefined) headers['if-match'] = condition.ifMatch;
    const { protocol, hostname, port } = pattern;
    return { protocol, hostname, ...(port === undefined ? {} : { port }), method: 'GET', path, headers };
  }

  async #learn(request: SignedRequest, ref: ObjectRef): Promise<void> {
    if (this.#patterns.size >= maxPatterns) this.#patterns.clear();
    this.#patterns.set(ref.bucket, await this.#patternOf(request, ref));
  }

  async #patternOf(request: SignedRequest, ref: ObjectRef): Promise<Pattern | null> {
    const headers = lowerCased(request.headers);
    const said =
      /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/(s3)\/aws4_request, SignedHeaders=([^,]+), Signature=/.exec(
        headers['authorization'] ?? '',
      );
    const [, region, service, names] = said ?? [];
    const key = encodedKey(ref.key);
    if (region === undefined || service === undefined || names === undefined || !request.path.endsWith(key)) {
      return null;
    }
    const credentials = await this.#client.config.credentials();
    const [path = '', query = ''] = pathOf(request).split('?');
    const toSign = { method: request.method, path, query, headers };
    const again = authorization(this.#keys, credentials, { region, service }, toSign, names.split(';'));
    if (again !== headers['authorization']) return null;
    return {
      protocol: request.protocol,
      hostname: request.hostname,
      port: request.port,
      host: headers['host'] ?? '',
      pathPrefix: request.path.slice(0, request.path.length - key.length),
      payloadHash: headers['x-amz-content-sha256'] ?? '',
      scope: { region, service },
    };
  }
}

/** An answer's headers by the names that the SDK gives them. */
export function leanOutput(
  headers: Readonly<Record<string, string>>,
): Omit<GetObjectCommandOutput, '$metadata' | 'Body'> {
  const metadata: Record<string, string> = {};
  for (const name in headers) {
    if (name.startsWith('x-amz-meta-')) metadata[name.slice('x-amz-meta-'.length)] = headers[name] ?? '';
  }
  const lastModified = headers['last-modified'];
  const length = headers['content-length'];
  const encryption = headers['x-amz-server-side-encryption'];
  return {
    Metadata: metadata,
    ETag: headers['etag'],
    VersionId: headers['x-amz-version-id'],
    LastModified: lastModified === undefined ? undefined : new Date(lastModified),
    ContentType: headers['content-type'],
    ContentRange: headers['content-range'],
    ContentLength: length === undefined ? undefined : Number(length),
    ChecksumCRC32: headers['x-amz-checksum-crc32'],
    ChecksumCRC32C: headers['x-amz-checksum-crc32c'],
    ChecksumCRC64NVME: headers['x-amz-checksum-crc64nvme'],
    ChecksumType: headers['x-amz-checksum-type'] as ChecksumType | undefined,
    SSECustomerAlgorithm: headers['x-amz-server-side-encryption-customer-algorithm'],
    SSECustomerKeyMD5: headers['x-amz-server-side-encryption-customer-key-md5'],
    ServerSideEncryption: encryption as ServerSideEncryption | undefined,
    SSEKMSKeyId: headers['x-amz-server-side-encryption-aws-kms-key-id'],
  };
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** As signatures have it: everything but slashes and the unreserved characters of RFC 3986. */
function encodedKey(key: string): string {
  if (/^[A-Za-z0-9/_.~-]*$/.test(key)) return key;
  return key
    .split('/')
    .map((segment) =>
      encodeURIComponent(segment).replace(
        /[!'()*]/g,
        (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
      ),
    )
    .join('/');
}

import { Readable } from 'node:stream';
import type { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { Call } from '../../model/call.js';
import { type Answer, pathOf, type SignedRequest } from '../http/exchange.js';
import { discardBody } from '../http/read-body.js';
import type { S3Transport } from '../http/transport.js';
import { amzDate, authorization, SigningKeys, type SigningScope } from './request-signature.js';

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

/** A request without the SDK. */
export interface LeanRequest {
  /** GET, if nothing is said. */
  readonly method?: 'GET' | 'HEAD' | 'PUT';
  readonly bucket: string;
  /** Empty: the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Lower-case names. */
  readonly signed?: Readonly<Record<string, string>>;
  readonly unsigned?: Readonly<Record<string, string>>;
  /** Goes out unhashed, as the SDK sends streams. */
  readonly body?: unknown;
  /** As in ExchangeOptions. */
  readonly intoSlabs: boolean;
}

const maxPatterns = 1000;

/**
 * Requests without the SDK's layers, which cost more CPU than all the rest of fetching a small object. Where requests go and
 * how they are signed is taken from a request that the SDK made for the same bucket, and only believed when signing that
 * request again gives the SDK's own signature. Whatever is not a plain success is left to the SDK: nothing is judged here, and
 * only what may be said twice is said here.
 */
export class LeanRequests {
  readonly #client: S3Client;
  readonly #transport: Pick<S3Transport, 'handle'>;
  /** By bucket; null for one whose requests are not understood. */
  readonly #patterns = new Map<string, Pattern | null>();
  readonly #keys = new SigningKeys();

  constructor(client: S3Client, transport: Pick<S3Transport, 'handle'>) {
    this.#client = client;
    this.#transport = transport;
  }

  /** Sees to it that the command's request is learned from, when its bucket is not known yet. `key` is empty for the bucket itself. */
  learnFrom(
    command: GetObjectCommand | HeadObjectCommand | ListObjectsV2Command,
    bucket: string,
    key: string,
  ): void {
    if (this.#patterns.has(bucket)) return;
    // All commands take the same kind of step, but their types say so in different words.
    const stack: Pick<GetObjectCommand['middlewareStack'], 'add'> = command.middlewareStack;
    stack.add(
      (next) => async (sent) => {
        await this.#learn(sent.request as SignedRequest, bucket, key);
        return next(sent);
      },
      // The last step before the request leaves: it is signed.
      { step: 'deserialize', priority: 'low', name: 'leanRequestsLearn' },
    );
  }

  /** The answer when it is 200 or 206; null when the SDK has to ask. */
  async send(call: Call, wanted: LeanRequest): Promise<Answer | null> {
    const pattern = this.#patterns.get(wanted.bucket);
    if (!pattern || call.signal.aborted) return null;
    try {
      const request = await this.#request(pattern, wanted);
      const { response } = await this.#transport.handle(request, {
        abortSignal: call.signal,
        intoSlabs: wanted.intoSlabs,
      });
      if (response.statusCode === 200 || response.statusCode === 206) return response;
      if (wanted.intoSlabs) discardBody(response.body);
      else if (response.body instanceof Readable) response.body.destroy();
      return null;
    } catch {
      return null;
    }
  }

  async #request(pattern: Pattern, wanted: LeanRequest): Promise<SignedRequest> {
    const { method = 'GET', key, query, signed, unsigned, body } = wanted;
    const credentials = await this.#client.config.credentials();
    const headers: Record<string, string> = {
      host: pattern.host,
      'x-amz-content-sha256': body === undefined ? pattern.payloadHash : 'UNSIGNED-PAYLOAD',
      'x-amz-date': amzDate(Date.now() + this.#client.config.systemClockOffset),
      ...signed,
    };
    if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;
    const { protocol, hostname, port } = pattern;
    const path = pattern.pathPrefix + encodedKey(key);
    const request = {
      protocol,
      hostname,
      ...(port === undefined ? {} : { port }),
      method,
      path,
      ...(query === undefined ? {} : { query }),
      ...(body === undefined ? {} : { body }),
    };
    const [, encodedQuery = ''] = query === undefined ? [] : pathOf({ ...request, headers }).split('?');
    headers['authorization'] = authorization(
      this.#keys,
      credentials,
      pattern.scope,
      { method, path, query: encodedQuery, headers },
      Object.keys(headers).sort(),
    );
    Object.assign(headers, unsigned);
    return { ...request, headers };
  }

  async #learn(request: SignedRequest, bucket: string, objectKey: string): Promise<void> {
    if (this.#patterns.size >= maxPatterns) this.#patterns.clear();
    this.#patterns.set(bucket, await this.#patternOf(request, objectKey));
  }

  async #patternOf(request: SignedRequest, objectKey: string): Promise<Pattern | null> {
    const headers = lowerCased(request.headers);
    const said =
      /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/(s3)\/aws4_request, SignedHeaders=([^,]+), Signature=/.exec(
        headers['authorization'] ?? '',
      );
    const [, region, service, names] = said ?? [];
    const key = encodedKey(objectKey);
    if (region === undefined || service === undefined || names === undefined || !request.path.endsWith(key)) {
      return null;
    }
    const credentials = await this.#client.config.credentials();
    const [path = '', query = ''] = pathOf(request).split('?');
    const toSign = { method: request.method, path, query, headers };
    const again = authorization(this.#keys, credentials, { region, service }, toSign, names.split(';'));
    const pathPrefix = request.path.slice(0, request.path.length - key.length);
    // What is learned from a listing is good for objects too.
    if (again !== headers['authorization'] || !pathPrefix.endsWith('/')) return null;
    return {
      protocol: request.protocol,
      hostname: request.hostname,
      port: request.port,
      host: headers['host'] ?? '',
      pathPrefix,
      payloadHash: headers['x-amz-content-sha256'] ?? '',
      scope: { region, service },
    };
  }
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

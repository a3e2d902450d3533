import type { S3Client } from '@aws-sdk/client-s3';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { responseError } from '../errors/response-error.js';
import {
  type ExchangeOptions,
  encodeRfc3986,
  type HttpResponse,
  type SignedRequest,
} from '../http/exchange.js';
import { readText } from '../http/read-text.js';
import type { S3Transport } from '../http/transport.js';
import { type BucketEndpoint, BucketEndpoints } from './bucket-endpoint.js';

/** A request that is sent without the SDK's layers. */
export interface DirectRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Lower-case names. All are signed. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent without a hash in the signature, as the SDK sends streams. */
  readonly body?: unknown;
}

/** SHA-256 of nothing. */
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
/** An error of S3 in XML takes a few hundred bytes. */
const maxErrorBytes = 64 * 1024;
/** The difference from which on the SDK, too, corrects its clock. */
const minSkewMs = 5 * 60_000;

/**
 * Sends requests without the SDK's layers, which cost more CPU than everything else in fetching a small
 * object. Endpoint and credentials come from the SDK client. An error answer is thrown in the SDK's shape, so
 * that both paths are translated by the same code and no answer of S3 is requested again
 * (docs/decisions/0014-direct-s3-requests.md).
 */
export class DirectRequests {
  readonly #client: S3Client;
  readonly #transport: Pick<S3Transport, 'handle'>;
  readonly #endpoints: BucketEndpoints;
  #sentBySdk = 0;

  constructor(client: S3Client, transport: Pick<S3Transport, 'handle'>) {
    this.#client = client;
    this.#transport = transport;
    this.#endpoints = new BucketEndpoints(client);
  }

  /** How many requests could have gone directly, but needed the SDK because of their bucket. */
  get sentBySdk(): number {
    return this.#sentBySdk;
  }

  /** False when requests for the bucket need the SDK; each is then counted and logged. */
  async canReach(call: Call, bucket: string): Promise<boolean> {
    if ((await this.#endpoints.of(bucket)) !== null) return true;
    this.#sentBySdk += 1;
    call.log.debug('S3 request sent through the SDK', { bucket, sentBySdk: this.#sentBySdk });
    return false;
  }

  /**
   * Resolves with a 2xx answer; its body is not read yet. Throws what the SDK would: S3's error, an
   * AbortError, a TimeoutError or the socket's error.
   */
  async send(request: DirectRequest, options: ExchangeOptions): Promise<HttpResponse> {
    const endpoint = await this.#endpoints.of(request.bucket);
    if (endpoint === null) throw new Fault('bug', 'this bucket cannot be reached without the SDK');
    const { response } = await this.#transport.handle(await this.#signed(endpoint, request), options);
    const { statusCode, headers } = response;
    if (statusCode >= 200 && statusCode < 300) return response;
    const text = await readText(response.body, maxErrorBytes, options.abortSignal);
    this.#correctClock(headers);
    throw responseError(statusCode, headers, text ?? '');
  }

  async #signed(endpoint: BucketEndpoint, request: DirectRequest): Promise<SignedRequest> {
    const { protocol, hostname, port, host, pathPrefix, signer } = endpoint;
    const { config } = this.#client;
    const { method, query = {}, body } = request;
    const path = pathPrefix + encodedKey(request.key);
    const headers = {
      host,
      'x-amz-content-sha256': body === undefined ? emptyHash : 'UNSIGNED-PAYLOAD',
      ...request.headers,
    };
    const keys = await config.credentials();
    const date = new Date(Date.now() + config.systemClockOffset);
    return {
      protocol,
      hostname,
      ...(port === undefined ? {} : { port }),
      method,
      path,
      query,
      headers: signer.sign({ method, path, query, headers }, keys, date),
      ...(body === undefined ? {} : { body }),
    };
  }

  /** The SDK corrects its clock by the Date of an answer as well. */
  #correctClock(headers: Readonly<Record<string, string>>): void {
    const { config } = this.#client;
    const serverMs = Date.parse(headers['date'] ?? '');
    const isOff = Math.abs(serverMs - (Date.now() + config.systemClockOffset)) > minSkewMs;
    if (isOff) config.systemClockOffset = serverMs - Date.now();
  }
}

/** Encodes a key for the request path: everything but slashes and the unreserved characters of RFC 3986. */
function encodedKey(key: string): string {
  if (/^[A-Za-z0-9/_.~-]*$/.test(key)) return key;
  return key.split('/').map(encodeRfc3986).join('/');
}

import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getEndpointFromInstructions } from '@smithy/core/endpoints';
import { RequestSigner } from './signature.js';

/** Endpoint and signer of the requests for one bucket. */
export interface BucketEndpoint {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: number | undefined;
  /** The Host header. */
  readonly host: string;
  /** The request path without the encoded key; ends with a slash. */
  readonly pathPrefix: string;
  readonly signer: RequestSigner;
}

const maxBuckets = 1000;

/**
 * Resolves buckets to endpoints with the SDK client's endpoint resolver, so that region, path
 * style, FIPS and the shared config file mean the same on the direct path. Keeps up to 1,000 results.
 */
export class BucketEndpoints {
  readonly #client: S3Client;
  readonly #known = new Map<string, BucketEndpoint | null>();

  constructor(client: S3Client) {
    this.#client = client;
  }

  /**
   * Returns null when requests for the bucket need the SDK: S3 Express sessions, SigV4A, or a name or setting
   * that the SDK refuses with its own error. Never throws.
   */
  async of(bucket: string): Promise<BucketEndpoint | null> {
    const known = this.#known.get(bucket);
    if (known !== undefined) return known;
    const endpoint = await this.#resolve(bucket).catch(() => undefined);
    // A refusal may end with the next settings or credentials, so only answers are kept.
    if (endpoint === undefined) return null;
    if (this.#known.size >= maxBuckets) this.#known.clear();
    this.#known.set(bucket, endpoint);
    return endpoint;
  }

  async #resolve(bucket: string): Promise<BucketEndpoint | null> {
    const { config } = this.#client;
    const { url, properties, headers } = await getEndpointFromInstructions(
      { Bucket: bucket, Key: 'key' },
      GetObjectCommand,
      { ...config },
    );
    const [scheme] = schemesOf(properties);
    const isPlain = scheme?.name === 'sigv4' && scheme.signingName === 's3' && !properties?.['backend'];
    if (!isPlain || scheme.signingRegion === undefined || Object.keys(headers ?? {}).length > 0) return null;
    return {
      protocol: url.protocol,
      hostname: url.hostname,
      port: url.port === '' ? undefined : Number(url.port),
      host: url.host,
      pathPrefix: url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`,
      signer: new RequestSigner(scheme.signingRegion),
    };
  }
}

interface AuthScheme {
  readonly name?: string;
  readonly signingName?: string;
  readonly signingRegion?: string;
}

function schemesOf(properties: Readonly<Record<string, unknown>> | undefined): readonly AuthScheme[] {
  const schemes = properties?.['authSchemes'];
  return Array.isArray(schemes) ? (schemes as readonly AuthScheme[]) : [];
}

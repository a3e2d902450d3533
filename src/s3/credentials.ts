import type { S3Client } from '@aws-sdk/client-s3';
import { loadSharedConfigFiles } from '@smithy/core/config';
import { Fault } from '../model/fault.js';
import { S3Error } from './errors/s3-error.js';
import type { CredentialProvider, S3Credentials } from './options.js';

/** Variables of the AWS credential chain that name an endpoint or a role which provides credentials. */
const remoteSources = [
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
] as const;

/** Codes for credentials that S3 does not accept, which may have been replaced meanwhile. */
const refusals: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidToken',
  'TokenRefreshRequired',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
]);

/**
 * The credentials of one client. Loads them again when S3 refuses them, because another program may have
 * rewritten `~/.aws/credentials`, and distinguishes a source that is briefly down from none at all.
 */
export class S3CredentialSource {
  readonly #client: S3Client;
  readonly #isFixed: boolean;
  readonly #provider: CredentialProvider | null;
  #wereLoaded = false;
  #generation = 0;
  #reloading: Promise<boolean> | null = null;

  /** Credentials that were given cannot be loaded again. */
  constructor(client: S3Client, given: S3Credentials | CredentialProvider | null) {
    this.#client = client;
    this.#provider = given !== null && 'provide' in given ? given : null;
    this.#isFixed = given !== null && this.#provider === null;
  }

  /** Counts the changes of the credentials. */
  get generation(): number {
    return this.#generation;
  }

  /** Records that credentials could be loaded. */
  loaded(): void {
    this.#wereLoaded = true;
  }

  /**
   * Returns an error of loading the credentials as `unavailable`, if their source exists: they could be loaded
   * before, or the environment names an endpoint. Returns every other error unchanged.
   */
  faultOf(error: unknown): unknown {
    const name = error instanceof Error ? error.name : '';
    if (name !== 'CredentialsProviderError' && name !== 'TokenProviderError') return error;
    const exists = this.#wereLoaded || remoteSources.some((variable) => process.env[variable]);
    if (!exists) return error;
    return new Fault('unavailable', 'the source of the AWS credentials does not answer', { cause: error });
  }

  /**
   * Loads the credentials again if `fault` is S3's refusal of them. Returns true if they have changed since
   * `generation`, so that the request may succeed now.
   */
  async renewedAfter(fault: unknown, generation: number): Promise<boolean> {
    if (this.#isFixed || !(fault instanceof Fault)) return false;
    if (!(fault.cause instanceof S3Error) || !refusals.has(fault.cause.code)) return false;
    if (generation < this.#generation) return true;
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = null;
    });
    return this.#reloading;
  }

  async #reload(): Promise<boolean> {
    const { credentials } = this.#client.config;
    try {
      const before = await credentials();
      // The SDK keeps the content of the shared files, and reads them again only here.
      await loadSharedConfigFiles({ ignoreCache: true });
      this.#provider?.forget();
      const after = await credentials({ forceRefresh: true });
      const isSame =
        before.accessKeyId === after.accessKeyId &&
        before.secretAccessKey === after.secretAccessKey &&
        before.sessionToken === after.sessionToken;
      if (!isSame) this.#generation += 1;
      return !isSame;
    } catch {
      return false;
    }
  }
}

import { createHash } from 'node:crypto';
import { signatureDoesNotMatch } from './refusals.js';
import { type SigningKey, signaturesEqual } from './signing-key.js';

const sha256OfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * The chain of signatures over the chunks of a body. Each covers the one before it, the first the
 * signature of the request (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html).
 * Therefore no chunk can be changed, left out or moved.
 */
export class ChunkSignatures {
  readonly #key: SigningKey;
  /** `timestamp \n scope`, the same in every string to sign. */
  readonly #moment: string;
  #previous: string;
  #hash = createHash('sha256');

  constructor(key: SigningKey, timestamp: string, scope: string, seedSignature: string) {
    this.#key = key;
    this.#moment = `${timestamp}\n${scope}`;
    this.#previous = seedSignature;
  }

  /** Adds the next bytes of the chunk. */
  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /**
   * Ends the chunk whose header claimed `signature`.
   *
   * @throws S3AuthError SignatureDoesNotMatch
   */
  endChunk(signature: string): void {
    const hash = this.#hash.digest('hex');
    this.#hash = createHash('sha256');
    this.#verify(
      `AWS4-HMAC-SHA256-PAYLOAD\n${this.#moment}\n${this.#previous}\n${sha256OfNothing}\n${hash}`,
      signature,
    );
  }

  /**
   * Ends the body whose trailers, as lines of `name:value\n`, claimed `signature`
   * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html).
   *
   * @throws S3AuthError SignatureDoesNotMatch
   */
  endTrailers(lines: string, signature: string): void {
    const hash = createHash('sha256').update(lines, 'latin1').digest('hex');
    this.#verify(`AWS4-HMAC-SHA256-TRAILER\n${this.#moment}\n${this.#previous}\n${hash}`, signature);
  }

  #verify(stringToSign: string, claimed: string): void {
    const computed = this.#key.sign(stringToSign);
    if (!signaturesEqual(computed, claimed)) throw signatureDoesNotMatch(stringToSign);
    this.#previous = computed;
  }
}

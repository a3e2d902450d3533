/**
 * An error of S3 or the network as the log may have it: without the stack and the secrets of the SDK's own.
 */
export class S3Error extends Error {
  /** How long S3 asks to wait (Retry-After); 0 by default. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.name = 'S3Error';
    this.retryAfterMs = retryAfterMs;
    Object.assign(this, { stack: undefined });
  }
}

/** What the log and an administrator may have of an answer of S3. */
export interface S3ErrorDetails {
  /** How long S3 asks to wait (Retry-After), in milliseconds; 0 by default. */
  readonly retryAfterMs?: number;
  /** S3's code, or the name of the error if S3 did not answer. */
  readonly code?: string;
  /** S3's own sentence, without keys; empty if there was none. */
  readonly sentence?: string;
  /** True when bytes were damaged on their way to S3: the same request may succeed. */
  readonly isDamage?: boolean;
}

/**
 * An error of S3 or the network as the log may have it: without the stack and the secrets of the SDK's own.
 */
export class S3Error extends Error {
  readonly retryAfterMs: number;
  readonly code: string;
  readonly sentence: string;
  readonly isDamage: boolean;

  constructor(message: string, details: S3ErrorDetails = {}) {
    super(message);
    this.name = 'S3Error';
    this.retryAfterMs = details.retryAfterMs ?? 0;
    this.code = details.code ?? '';
    this.sentence = details.sentence ?? '';
    this.isDamage = details.isDamage ?? false;
    Object.assign(this, { stack: undefined });
  }
}

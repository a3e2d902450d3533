import type { HidingCause } from '../../model/fault.js';

/** The parts of an S3 answer that the log and an administrator may see. */
export interface S3ErrorDetails {
  /** How long S3 asks to wait (Retry-After), in milliseconds; 0 by default. */
  readonly retryAfterMs?: number;
  /** S3's code, or the name of the error if S3 did not answer. */
  readonly code?: string;
  /** S3's own sentence, without keys; empty if there was none. */
  readonly sentence?: string;
  /** The names of the request. */
  readonly bucket?: string;
  readonly key?: string | null;
  /** True when bytes were damaged on their way to S3: the same request may succeed. */
  readonly isDamage?: boolean;
}

/**
 * An error of S3 or the network as the log may have it: without the stack and the secrets of the SDK's own.
 */
export class S3Error extends Error implements HidingCause {
  readonly retryAfterMs: number;
  readonly code: string;
  readonly sentence: string;
  readonly isDamage: boolean;

  readonly #bucket: string;
  readonly #key: string;

  constructor(message: string, details: S3ErrorDetails = {}) {
    super(message);
    this.name = 'S3Error';
    this.retryAfterMs = details.retryAfterMs ?? 0;
    this.code = details.code ?? '';
    this.sentence = details.sentence ?? '';
    this.isDamage = details.isDamage ?? false;
    this.#bucket = details.bucket ?? '';
    this.#key = details.key ?? '';
    Object.assign(this, { stack: undefined });
  }

  /**
   * Removes what an SFTP user may not see: the bucket, the key except for the name of the file, ARNs, accounts,
   * and S3's ids.
   */
  hideNames(text: string): string {
    let shown = text.replace(/\barn:[\w-]*:[^\s"',;)]*/g, '[name]');
    if (this.#bucket !== '') {
      shown = shown.replaceAll(`bucket "${this.#bucket}"`, 'the bucket');
      shown = shown.replace(wordOf(this.#bucket), '[bucket]');
    }
    if (this.#key !== '')
      shown = shown.replaceAll(this.#key, this.#key.replace(/\/$/, '').split('/').at(-1) ?? '');
    return shown.replace(/\b(?:[A-Z]{4}[A-Z0-9]{12,28}|\d{12}|[0-9a-f]{64})\b/g, '[id]');
  }
}

/** Returns an expression that finds the name where it stands alone. */
function wordOf(name: string): RegExp {
  return new RegExp(`(?<![\\w.-])${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`, 'g');
}

/**
 * Returns a hint with S3's own sentence behind it, which often names the policy or setting that refused. "Access
 * Denied" says nothing more than the hint.
 */
export function withSentence(hint: string, cause: unknown): string {
  if (!(cause instanceof S3Error) || cause.sentence === '' || /^access denied\.?$/i.test(cause.sentence))
    return hint;
  return `${hint}; S3 answered: "${cause.sentence}"`;
}

/**
 * The closed set of failures. Only adapters and parsers turn foreign errors into faults. The SFTP
 * server, the command line and the HTTP endpoints translate kinds with one table `Record<FaultKind,
 * ...>` each, so a new kind is a compile error in all of them.
 */
export const faultKinds = [
  'invalid',
  'unauthenticated',
  'denied',
  'not-found',
  'exists',
  'not-empty',
  'not-directory',
  'is-directory',
  'conflict',
  'unsupported',
  'too-large',
  'over-quota',
  'key-missing',
  'key-mismatch',
  'sse-c-blocked',
  'corrupt',
  'throttled',
  'unavailable',
  'timed-out',
  'cancelled',
  'bug',
] as const;

export type FaultKind = (typeof faultKinds)[number];

const transient: ReadonlySet<FaultKind> = new Set<FaultKind>(['throttled', 'unavailable', 'timed-out']);

/** A cause that knows names in the texts of its fault which users may not see. */
export interface HidingCause extends Error {
  /** Returns the text without these names. */
  hideNames(text: string): string;
}

/** A place in S3, and the directory in which a user sees it. */
export interface UserPlace {
  readonly bucket: string;
  /** Ends with `/`, or is empty. */
  readonly prefix: string;
  /** Without a slash at its end, for example `/uploads`. */
  readonly point: string;
}

/**
 * A fault of a known kind. `hint` is for administrators: it states what failed, on which name, why, and
 * what to do, and never contains a secret. Users get `userHint`. `cause` is for the log only.
 */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly hint: string;
  #places: readonly UserPlace[] = [];

  constructor(kind: FaultKind, hint: string, options?: { readonly cause?: unknown }) {
    super(`${kind}: ${hint}`, options);
    this.name = 'Fault';
    this.kind = kind;
    this.hint = hint;
  }

  /** Returns the same fault for a user who knows these places by other names. */
  seenAt(places: readonly UserPlace[]): Fault {
    const seen = new Fault(this.kind, this.hint, { cause: this.cause });
    // The longest prefix first, because one may contain another.
    seen.#places = places.toSorted((one, other) => other.prefix.length - one.prefix.length);
    return seen;
  }

  /** The hint with the user's own names of objects, and without those that a cause of this fault hides. */
  get userHint(): string {
    let text = this.hint;
    for (const place of this.#places) text = withUserNames(text, place);
    for (let cause = this.cause; cause instanceof Error; cause = cause.cause) {
      if (isHiding(cause)) text = cause.hideNames(text);
    }
    return text;
  }

  /** True if the same request may succeed later, without any change. */
  get isTransient(): boolean {
    return transient.has(this.kind);
  }

  /**
   * Returns any thrown value as a fault: a fault unchanged, an AbortError as `cancelled`,
   * everything else as `bug`.
   */
  static from(thrown: unknown): Fault {
    if (thrown instanceof Fault) return thrown;
    if (thrown instanceof Error && thrown.name === 'AbortError') {
      return new Fault('cancelled', 'the request was cancelled', { cause: thrown });
    }
    return new Fault('bug', 'internal error: see the log', { cause: thrown });
  }
}

/** Replaces keys by paths as the user sees them, and hides the bucket. A path of the user is not changed. */
function withUserNames(text: string, { bucket, prefix, point }: UserPlace): string {
  const [inText, start] = [literally(bucket), '(?<![\\w./-])'];
  const shown = text
    .replace(new RegExp(`(?:s3://|${start})${inText}/`, 'g'), '')
    .replaceAll(`bucket "${bucket}"`, 'the bucket')
    .replace(new RegExp(`${start}${inText}(?![\\w-])`, 'g'), '[bucket]');
  if (prefix === '') return shown;
  return shown.replace(new RegExp(start + literally(prefix), 'g'), () => `${point}/`);
}

/** Returns an expression that finds this text only. */
function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function isHiding(cause: Error): cause is HidingCause {
  return 'hideNames' in cause && typeof cause.hideNames === 'function';
}

/** Returns true if `thrown` is a fault of one of these kinds; without kinds, of any. */
export function isFault(thrown: unknown, ...kinds: readonly FaultKind[]): thrown is Fault {
  return thrown instanceof Fault && (kinds.length === 0 || kinds.includes(thrown.kind));
}

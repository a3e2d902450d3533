/**
 * The closed set of things that can go wrong. Only adapters and parsers make faults from foreign errors;
 * each door translates a kind through one table `Record<FaultKind, ...>`, so a new kind breaks every door
 * at compile time instead of at night.
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

/**
 * A fault of a known kind. `hint` may be read by a stranger: it names what was wrong, where, and what to do,
 * and never holds a secret. `cause` is for the log only.
 */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly hint: string;

  constructor(kind: FaultKind, hint: string, options?: { readonly cause?: unknown }) {
    super(`${kind}: ${hint}`, options);
    this.name = 'Fault';
    this.kind = kind;
    this.hint = hint;
  }

  /** True when the same request may succeed later without anybody changing anything. */
  get isTransient(): boolean {
    return transient.has(this.kind);
  }

  /** Any thrown value as a fault: a fault stays itself, an AbortError becomes `cancelled`, the rest a `bug`. */
  static from(thrown: unknown): Fault {
    if (thrown instanceof Fault) return thrown;
    if (thrown instanceof Error && thrown.name === 'AbortError') {
      return new Fault('cancelled', 'the request was cancelled', { cause: thrown });
    }
    return new Fault('bug', 'an internal error; the log names it', { cause: thrown });
  }
}

/** True when `thrown` is a fault of one of these kinds. */
export function isFault(thrown: unknown, ...kinds: readonly FaultKind[]): thrown is Fault {
  return thrown instanceof Fault && (kinds.length === 0 || kinds.includes(thrown.kind));
}

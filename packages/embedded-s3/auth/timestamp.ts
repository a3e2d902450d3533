/** The time at which a request was signed. */
export interface Timestamp {
  /** As in the string to sign: `20130524T000000Z`. */
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly ms: number;
}

/** Parses the ISO 8601 basic form of SigV4, `yyyyMMdd'T'HHmmss'Z'`. Returns null for other text. */
export function parseTimestamp(text: string): Timestamp | null {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match.map(Number) as [number, ...number[]];
  const ms = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second);
  // Date.UTC turns the 31st of June into the 1st of July. An invalid date therefore does not format
  // to the same text.
  return formatTimestamp(ms) === text ? { text, ms } : null;
}

/**
 * Parses a `Date` header (RFC 9110 section 5.6.7, the preferred form, or with an offset). Returns
 * null for other text.
 */
export function parseHttpDate(text: string): Timestamp | null {
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} (GMT|UTC|[+-]\d{4})$/.test(text))
    return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : { text: formatTimestamp(ms), ms };
}

function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

/** The moment a request was signed. */
export interface Timestamp {
  /** As the string to sign has it: `20130524T000000Z`. */
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly ms: number;
}

/** Parses the ISO 8601 basic form that SigV4 uses, `yyyyMMdd'T'HHmmss'Z'`; null when it is not one. */
export function parseTimestamp(text: string): Timestamp | null {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match.map(Number) as [number, ...number[]];
  const ms = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second);
  // Date.UTC carries the 31st of June over to July; a date that does not come back the same was none.
  return formatTimestamp(ms) === text ? { text, ms } : null;
}

/** Parses a `Date` header (RFC 9110 section 5.6.7, the preferred form, or with an offset); null when it is not one. */
export function parseHttpDate(text: string): Timestamp | null {
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} (GMT|UTC|[+-]\d{4})$/.test(text))
    return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : { text: formatTimestamp(ms), ms };
}

function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

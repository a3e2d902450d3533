import { malformedTrailer } from './refusals.js';

const signatureName = 'x-amz-trailer-signature';

/** The trailers after the last chunk of a body. */
export interface Trailers {
  /** By lower-case name, without the signature. */
  readonly values: ReadonlyMap<string, string>;
  /** `name:value\n` for each, sorted, as signed. */
  readonly lines: string;
  readonly signature: string | null;
}

/**
 * Parses the bytes after the header of the last chunk. Clients end the lines with CR LF, with LF,
 * or with both (the MinIO client), and add empty lines around them. None of that has a meaning.
 *
 * @param declared the lower-case names that `x-amz-trailer` announced: exactly these must be there
 * @throws S3AuthError MalformedTrailerError
 */
export function parseTrailers(text: string, declared: ReadonlySet<string>): Trailers {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue;
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e]*)$/.exec(line);
    const name = match?.[1]?.toLowerCase();
    if (name === undefined || values.has(name)) throw malformedTrailer();
    values.set(name, (match?.[2] ?? '').trim());
  }
  const signature = values.get(signatureName) ?? null;
  values.delete(signatureName);
  const complete = values.size === declared.size && [...declared].every((name) => values.has(name));
  if (!complete) throw malformedTrailer();
  const lines = [...values].map(([name, value]) => `${name}:${value}\n`).sort();
  return { values, lines: lines.join(''), signature };
}

/** Returns the names that an `x-amz-trailer` header announces, in lower case. */
export function declaredTrailers(header: string | undefined): ReadonlySet<string> {
  const names = (header ?? '').split(',').map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => name !== ''));
}

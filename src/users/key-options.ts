import { AddressPatterns } from './address-patterns.js';

/** The options of a key in authorized_keys. */
export interface KeyOptions {
  /** Null allows every address. */
  readonly from: AddressPatterns | null;
  /** Expiry time of the key in ms since the epoch; null for none. */
  readonly expiresMs: number | null;
}

/** Options about features that SFTP does not use (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
const harmless: ReadonlySet<string> = new Set([
  'agent-forwarding',
  'environment',
  'no-agent-forwarding',
  'no-port-forwarding',
  'no-pty',
  'no-touch-required',
  'no-user-rc',
  'no-x11-forwarding',
  'permitlisten',
  'permitopen',
  'port-forwarding',
  'pty',
  'restrict',
  'tunnel',
  'user-rc',
  'x11-forwarding',
]);

/** Returns the end of the options: the first blank outside quotes. Returns null for an unclosed quote. */
export function endOfOptions(line: string): number | null {
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    if (character === '\\' && line.charAt(at + 1) === '"') at++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && /[ \t]/.test(character)) return at;
  }
  return isQuoted ? null : line.length;
}

/**
 * Parses `name,name="value",...`. An option that is unknown or cannot be enforced makes the key unusable;
 * `problem` is the reason.
 */
export function parseKeyOptions(
  text: string,
): { readonly options: KeyOptions } | { readonly problem: string } {
  let from: AddressPatterns | null = null;
  let expiresMs: number | null = null;
  for (const { name, value } of splitOptions(text)) {
    if (harmless.has(name)) continue;
    if (name === 'command' && value === 'internal-sftp') continue;
    if (name === 'command')
      return { problem: 'a forced command other than "internal-sftp" cannot be run here' };
    if (name === 'cert-authority') return { problem: 'certificate authorities are not supported' };
    if (name === 'principals')
      return { problem: 'principals belong to certificate authorities, which are not supported' };
    if (name === 'verify-required') return { problem: 'verify-required cannot be checked here' };
    if (name === 'from') {
      if (from !== null) return { problem: 'from= is set twice' };
      from = AddressPatterns.parse(value ?? '');
      if (from === null) return { problem: `from="${value ?? ''}" contains a malformed network` };
    } else if (name === 'expiry-time') {
      const time = parseExpiryTime(value ?? '');
      if (time === null)
        return {
          problem: `expiry-time="${value ?? ''}" is not YYYYMMDD or YYYYMMDDHHMM[SS], with Z for UTC`,
        };
      expiresMs = expiresMs === null ? time : Math.min(expiresMs, time);
    } else {
      return { problem: `the option ${JSON.stringify(name.slice(0, 40))} is unknown` };
    }
  }
  return { options: { from, expiresMs } };
}

function splitOptions(text: string): readonly { readonly name: string; readonly value: string | null }[] {
  return splitOutsideQuotes(text).map((piece) => {
    const at = piece.indexOf('=');
    if (at < 0) return { name: piece.toLowerCase(), value: null };
    const value = piece.slice(at + 1);
    const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
    return {
      name: piece.slice(0, at).toLowerCase(),
      value: isQuoted ? value.slice(1, -1).replaceAll('\\"', '"') : null,
    };
  });
}

/** Splits at the commas outside quotes. `\"` does not close a quote. */
function splitOutsideQuotes(text: string): readonly string[] {
  const pieces: string[] = [];
  let isQuoted = false;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '\\' && text.charAt(at + 1) === '"') at++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && character === ',') {
      pieces.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...pieces, text.slice(start)];
}

/** Parses a time in the system's time zone, or in UTC if it ends with `Z`. Returns ms since the epoch. */
function parseExpiryTime(text: string): number | null {
  const match = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z?)$/i.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const services = [year ?? 0, (month ?? 0) - 1, day ?? 0, hour ?? 0, minute ?? 0, second ?? 0] as const;
  const isUtc = match[7] !== '';
  const date = new Date(isUtc ? Date.UTC(...services) : new Date(...services).getTime());
  // `Date` turns a date that does not exist, such as 31 February, into another one.
  const sameDay = isUtc
    ? date.getUTCMonth() === services[1] && date.getUTCDate() === services[2]
    : date.getMonth() === services[1] && date.getDate() === services[2];
  return sameDay ? date.getTime() : null;
}

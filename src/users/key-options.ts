import { AddressPatterns } from './address-patterns.js';

/** The options of a key in authorized_keys. */
export interface KeyOptions {
  /** Null allows every address. */
  readonly from: AddressPatterns | null;
  /** Expiry time of the key in ms since the epoch; null for none. */
  readonly expiresMs: number | null;
  /** True for the key of a certificate authority. Certificates that it signed may log in, the key itself may not. */
  readonly isAuthority: boolean;
  /** Of these a certificate needs one. Null stands for the user name. Without a meaning for other keys. */
  readonly principals: readonly string[] | null;
  /** Accepts a security key's signature without a touch. */
  readonly touchOptional: boolean;
  /** Refuses a security key's signature without a PIN or a biometric check. */
  readonly verificationRequired: boolean;
}

export const noOptions: KeyOptions = {
  from: null,
  expiresMs: null,
  isAuthority: false,
  principals: null,
  touchOptional: false,
  verificationRequired: false,
};

/** Options without a value, about features that SFTP does not use (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
const harmlessFlags: ReadonlySet<string> = new Set([
  'agent-forwarding',
  'no-agent-forwarding',
  'no-port-forwarding',
  'no-pty',
  'no-user-rc',
  'no-x11-forwarding',
  'port-forwarding',
  'pty',
  'restrict',
  'user-rc',
  'x11-forwarding',
]);

/** Such options with a value. */
const harmlessValues: ReadonlySet<string> = new Set(['environment', 'permitlisten', 'permitopen', 'tunnel']);

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
  let options = noOptions;
  for (const { name, hasValue, value } of splitOptions(text)) {
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    const isFlag = flag !== undefined || harmlessFlags.has(name);
    if (isFlag && hasValue)
      return { problem: `the option "${name}" takes no value: remove the "=" behind it` };
    options = { ...options, ...flag };
    if (isFlag) continue;
    const isHarmless = harmlessValues.has(name);
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined && !isHarmless) {
      return { problem: `the option ${JSON.stringify(name.slice(0, 40))} is unknown` };
    }
    if (value === null) return { problem: `the option "${name}" needs a value in quotes` };
    if (read === undefined) continue;
    const changed = read(value, options);
    if (typeof changed === 'string') return { problem: changed };
    options = { ...options, ...changed };
  }
  return { options };
}

/** The options without a value, and what they change. */
const flags: Readonly<Record<string, Partial<KeyOptions>>> = {
  'cert-authority': { isAuthority: true },
  'no-touch-required': { touchOptional: true },
  'verify-required': { verificationRequired: true },
};

/** Returns the changed options, or the problem with the value. */
type OptionReader = (value: string, before: KeyOptions) => Partial<KeyOptions> | string;

const readers: Readonly<Record<string, OptionReader>> = {
  command: (value) =>
    value === 'internal-sftp' ? {} : 'a forced command other than "internal-sftp" cannot be run here',
  from: (value, before) => {
    if (before.from !== null) return 'from= is set twice';
    const from = AddressPatterns.parse(value);
    return from === null ? `from="${value}" contains a malformed network` : { from };
  },
  'expiry-time': (value, { expiresMs }) => {
    const time = parseExpiryTime(value);
    if (time === null) {
      return `expiry-time="${value}" is not YYYYMMDD or YYYYMMDDHHMM[SS], with Z for UTC`;
    }
    return { expiresMs: expiresMs === null ? time : Math.min(expiresMs, time) };
  },
  principals: (value, before) => {
    if (before.principals !== null) return 'principals= is set twice';
    const principals = value.split(',').map((name) => name.trim());
    return principals.includes('') ? 'principals= contains an empty name' : { principals };
  },
};

interface SplitOption {
  readonly name: string;
  readonly hasValue: boolean;
  /** Null without a value, and for one without quotes. */
  readonly value: string | null;
}

function splitOptions(text: string): readonly SplitOption[] {
  return splitOutsideQuotes(text).map((piece) => {
    const at = piece.indexOf('=');
    if (at < 0) return { name: piece.toLowerCase(), hasValue: false, value: null };
    const value = piece.slice(at + 1);
    const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
    return {
      name: piece.slice(0, at).toLowerCase(),
      hasValue: true,
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

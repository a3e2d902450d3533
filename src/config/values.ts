import { isIPv6 } from 'node:net';
import { isAbsolute } from 'node:path';
import {
  parseBucketName,
  parseEndpoint,
  parseNetworks,
  parseRegion,
  sizeUnits,
} from '../users/property-values.js';

/** A value, or the problem of the text as a phrase to follow the setting's name. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** A kind of value: how it is parsed, formatted and described. */
export interface ValueKind<T> {
  /** The form of the text, for the documentation: `duration`, `size`, `yes, no or auto`. */
  readonly form: string;
  parse(text: string): Parsed<T>;
  format(value: T): string;
  /** Returns the text as people may see it, if a mistake may put a secret into it. */
  readonly shown?: (text: string) => string;
}

/** The address on which a service listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
}

interface Units {
  readonly [unit: string]: number;
}

const durationUnits: Units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration in ms, written `250ms`, `30s`, `5m`, `2h` or `1d`. Both bounds are inclusive and in ms. */
export function duration(minMs: number, maxMs: number): ValueKind<number> {
  return measured('duration', durationUnits, '30s', minMs, maxMs);
}

/**
 * A size in bytes, written `512B`, `64KiB`, `256MiB`, `2GiB` or `1TiB`. Both bounds are inclusive and
 * in bytes.
 */
export function size(minBytes: number, maxBytes: number): ValueKind<number> {
  return measured('size', sizeUnits, '256MiB', minBytes, maxBytes);
}

function measured(form: string, units: Units, example: string, min: number, max: number): ValueKind<number> {
  const names = Object.keys(units);
  const format = (value: number): string => {
    const unit = names.findLast((name) => value !== 0 && value % (units[name] ?? 1) === 0) ?? names[0] ?? '';
    return `${value / (units[unit] ?? 1)}${unit}`;
  };
  const parse = (text: string): Parsed<number> => {
    const [, digits = '', unit = ''] = /^(\d{1,15})\s*([A-Za-z]*)$/.exec(text) ?? [];
    if (digits === '') return { problem: `must be a ${form} such as ${example}` };
    if (unit === '') return { problem: `needs a unit, such as ${example}: ${names.join(', ')}` };
    const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
    if (factor === undefined) return { problem: `has the unknown unit ${unit}; use ${names.join(', ')}` };
    return within(Number(digits) * factor, min, max, format);
  };
  return { form: `${form}, ${format(min)} to ${format(max)}`, parse, format };
}

/** A whole number. Both bounds are inclusive. */
export function count(min: number, max: number): ValueKind<number> {
  return {
    form: `number, ${min} to ${max}`,
    parse: (text) =>
      /^\d{1,15}$/.test(text)
        ? within(Number(text), min, max, String)
        : { problem: 'must be a whole number' },
    format: String,
  };
}

function within(value: number, min: number, max: number, format: (value: number) => string): Parsed<number> {
  if (value >= min && value <= max) return { value };
  return { problem: `must be from ${format(min)} to ${format(max)}` };
}

/** One of a fixed list of words, in any case. */
export function choice<const T extends string>(...words: readonly [T, ...T[]]): ValueKind<T> {
  const form = words.length === 1 ? words[0] : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return {
    form,
    parse: (text) => {
      const value = words.find((word) => word === text.toLowerCase());
      return value === undefined ? { problem: `must be ${form}` } : { value };
    },
    format: (value) => value,
  };
}

/** `yes` or `no`, in any case. */
export const yesNo: ValueKind<boolean> = {
  form: 'yes or no',
  parse: (text) => {
    const word = text.toLowerCase();
    return word === 'yes' || word === 'no' ? { value: word === 'yes' } : { problem: 'must be yes or no' };
  },
  format: (value) => (value ? 'yes' : 'no'),
};

/** `yes`, `no`, or `auto`, which is null and lets the program decide. */
export const yesNoAuto: ValueKind<boolean | null> = {
  form: 'yes, no or auto',
  parse: (text) => {
    const word = text.toLowerCase();
    if (word === 'auto') return { value: null };
    return word === 'yes' || word === 'no'
      ? { value: word === 'yes' }
      : { problem: 'must be yes, no or auto' };
  },
  format: (value) => (value === null ? 'auto' : value ? 'yes' : 'no'),
};

/** `host:port` or `[2001:db8::1]:port`. Port 0 means any free one. */
export const listenAddress: ValueKind<ListenAddress> = {
  form: 'host:port, IPv6 in brackets',
  parse: (text) => {
    const [, bracketed, plain, digits = ''] = /^(?:\[([^\]\s]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text) ?? [];
    const host = bracketed ?? plain;
    const port = Number(digits);
    if (host === undefined || port > 65_535 || (bracketed !== undefined && !isIPv6(bracketed))) {
      return { problem: 'must be host:port such as 0.0.0.0:2222 or [::]:2222, with a port up to 65535' };
    }
    return { value: { host, port } };
  },
  format: ({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`),
};

/** The address of a service that is off without one. */
export const optionalListenAddress: ValueKind<ListenAddress | null> = {
  form: `${listenAddress.form}; off or empty for none`,
  parse: (text) => (text === '' || text === 'off' ? { value: null } : listenAddress.parse(text)),
  format: (value) => (value === null ? '' : listenAddress.format(value)),
};

/** An S3 endpoint: scheme, host and port, and nothing else. */
export const endpointUrl: ValueKind<string | null> = optional('URL', parseEndpoint);

/** The absolute path of a file; null if empty. */
export const absoluteFile: ValueKind<string | null> = optional('absolute path', (text) =>
  isAbsolute(text) ? { value: text } : { problem: 'must be an absolute path' },
);

/** An HTTP or HTTPS URL; null if empty. */
export const httpUrl: ValueKind<string | null> = optional('URL', (text) =>
  URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
    ? { value: text }
    : { problem: 'must be a URL such as https://sqs.eu-west-1.amazonaws.com/123456789012/name' },
);

/** The name of a bucket; null if empty. */
export const bucketName: ValueKind<string | null> = optional('bucket name', parseBucketName);

/** The name of a region; null if empty. */
export const regionName: ValueKind<string | null> = optional('region', parseRegion);

/** A line of text; null if empty. */
export const optionalText: ValueKind<string | null> = optional('text', (text) =>
  text.length <= 500 ? { value: text } : { problem: 'must have up to 500 characters' },
);

/** Addresses and networks; the text, which `parseNetworks` accepts. */
export const networkList: ValueKind<string | null> = optional('addresses and networks', (text) => {
  const parsed = parseNetworks(text);
  return 'value' in parsed ? { value: text } : parsed;
});

/** A kind whose empty text is null, as if the setting were missing. */
function optional(form: string, parse: (text: string) => Parsed<string>): ValueKind<string | null> {
  return {
    form,
    parse: (text) => (text === '' ? { value: null } : parse(text)),
    format: (value) => value ?? '',
  };
}

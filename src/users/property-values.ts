import { parseIpAddress } from '@sftpgw/ssh';
import { type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { type AclOption, cannedAcls, type EncryptionOption, encryptionOptions } from '../model/encryption.js';
import { gatewayPrefix } from '../model/gateway-objects.js';
import { readUploadRights, type UploadRights, uploadRightNames } from '../model/users/upload-rights.js';
import type { DownloadsMode } from '../model/users.js';
import { AddressPatterns } from './address-patterns.js';
import { type LoginSequences, parseSequences } from './logins/login-methods.js';

/** The value of a setting, or its problem as a phrase to follow the setting's name. */
export type ParsedValue<T> = { readonly value: T } | { readonly problem: string };

/** Parses `sse.option` and `sse.sync.option`: the numbers of the encryption menu. */
export function parseEncryptionOption(text: string): ParsedValue<EncryptionOption> {
  const found = numberIn(text, encryptionOptions);
  return found === null
    ? { problem: 'must be 1 (SSE-S3), 2 (SSE-KMS), 3 (SSE-C) or 4 (the default of the bucket)' }
    : { value: found };
}

/** Parses `acl.option`: the numbers of the canned ACLs. */
export function parseAclOption(text: string): ParsedValue<AclOption> {
  const found = numberIn(text, cannedAcls);
  const meanings = Object.entries(cannedAcls).map(([number, acl]) => `${number} (${acl})`);
  return found === null ? { problem: `must be one of ${meanings.join(', ')}` } : { value: found };
}

/** Parses `yes`, `true` or `on`, and `no`, `false` or `off`, in any case. */
export function parseYesNo(text: string): ParsedValue<boolean> {
  if (/^(?:yes|true|on)$/i.test(text)) return { value: true };
  if (/^(?:no|false|off)$/i.test(text)) return { value: false };
  return { problem: 'must be yes or no' };
}

/**
 * Parses addresses and networks such as `192.0.2.0/24,2001:db8::/32,!192.0.2.7`. `from=` in
 * authorized_keys also allows wildcards.
 */
export function parseNetworks(text: string): ParsedValue<AddressPatterns> {
  const items = text.split(',').map((item) => item.trim());
  const areAddresses = items.every(
    (item) => parseIpAddress(item.replace(/^!/, '').replace(/\/.*$/, '')) !== null,
  );
  const value = areAddresses ? AddressPatterns.parse(items.join(',')) : null;
  if (value !== null) return { value };
  return {
    problem:
      'must be addresses and networks such as 192.0.2.0/24,2001:db8::/32, without bits behind the mask',
  };
}

/** Parses `upload.rights`. */
export function parseUploadRights(text: string): ParsedValue<UploadRights> {
  const value = readUploadRights(text);
  if (value !== null) return { value };
  return {
    problem: `must be all, none, dropbox, or some of ${uploadRightNames.join(', ')}, separated by commas`,
  };
}

const maxExclusions = 16;
const maxExclusionLength = 64;

/** Parses `upload.exclusions`: suffixes, and patterns with one `*`. */
export function parseUploadExclusions(text: string): ParsedValue<readonly string[]> {
  if (text === '') return { value: [] };
  const patterns = text.split(',').map((item) => item.trim());
  const isPattern = (item: string): boolean =>
    item.length <= maxExclusionLength &&
    !/[\p{Cc}\p{Surrogate}/]/u.test(item) &&
    item.split('*').length <= 2 &&
    /[^*?.]/.test(item);
  if (patterns.length <= maxExclusions && patterns.every(isPattern)) return { value: patterns };
  return {
    problem: `must be up to ${maxExclusions} suffixes such as filepart, or patterns with one * for the final name such as .in.*, separated by commas`,
  };
}

/** Units of sizes, in bytes. */
export const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** Parses a limit such as `10GiB` into bytes. 0 means no limit and needs no unit. */
export function parseByteLimit(text: string): ParsedValue<number> {
  const [, digits = '', unit = ''] = /^(\d{1,12})\s*([A-Za-z]*)$/.exec(text) ?? [];
  const factor = Object.hasOwn(sizeUnits, unit) ? sizeUnits[unit] : undefined;
  const value = Number(digits) * (factor ?? 0);
  if (digits !== '' && (factor !== undefined || /^0+$/.test(digits)) && Number.isSafeInteger(value)) {
    return { value };
  }
  return {
    problem: `must be a size such as 10GiB (${Object.keys(sizeUnits).join(', ')}), or 0 for no limit`,
  };
}

/** Parses a number of things that there may be. 0 means no limit. */
export function parseCountLimit(text: string): ParsedValue<number> {
  return /^\d{1,12}$/.test(text)
    ? { value: Number(text) }
    : { problem: 'must be a whole number, or 0 for no limit' };
}

/** Parses `downloads.mode`. */
export function parseDownloadsMode(text: string): ParsedValue<DownloadsMode> {
  if (text === 'mirror' || text === 'direct') return { value: text };
  return { problem: 'must be mirror (a decrypted copy on disk) or direct (nothing on disk)' };
}

/** Parses `login.expires`: a day, whose beginning counts, or a time, both in UTC. Returns milliseconds. */
export function parseExpiry(text: string): ParsedValue<number> {
  const [, day, time = 'T00:00:00Z'] =
    /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?Z)?$/.exec(text) ?? [];
  const value = day === undefined ? Number.NaN : Date.parse(`${day}${time}`);
  // `Date.parse` accepts the 31st of every month.
  const isReal = Number.isFinite(value) && new Date(value).toISOString().startsWith(day ?? '');
  return isReal
    ? { value }
    : { problem: 'must be a day such as 2027-01-31, or a time such as 2027-01-31T18:00Z' };
}

/** Parses `login.methods`. */
export function parseLoginMethods(text: string): ParsedValue<LoginSequences> {
  const value = parseSequences(text);
  if (value !== null) return { value };
  return {
    problem:
      'must be sequences of publickey, password and keyboard-interactive: commas inside a sequence, blanks between alternatives',
  };
}

/** Parses `sse.key.id` and `sse.sync.key.id`: the id of a key of the keyring, or null if empty. */
export function parseKeyId(text: string): ParsedValue<KeyFingerprint | null> {
  if (text === '') return { value: null };
  if (!/^[0-9a-f]{32}$/.test(text)) {
    return { problem: 'must be the id of a key, 32 hexadecimal digits, as shown by `sftpgw key list`' };
  }
  return { value: parseKeyFingerprint(text) };
}

/** Parses a KMS key: an ARN, an id or an alias. */
export function parseKmsKey(text: string): ParsedValue<string> {
  if (!/^[\x21-\x7e]{1,2048}$/.test(text)) return { problem: 'must be the ARN of a KMS key' };
  if (text.startsWith('arn:') && !/^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:(?:key|alias)\/.+$/.test(text)) {
    return { problem: 'must be a key ARN such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-...' };
  }
  return { value: text };
}

/**
 * Parses the name of a bucket (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
 * Names from before 2018 may be longer.
 */
export function parseBucketName(text: string): ParsedValue<string> {
  const isName = /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(text) && !text.includes('..');
  return isName
    ? { value: text }
    : { problem: 'must be the name of a bucket: letters, digits, "." and "-", without s3:// or a path' };
}

/** Parses the name of a region. */
export function parseRegion(text: string): ParsedValue<string> {
  return /^[a-z0-9-]{1,64}$/i.test(text)
    ? { value: text }
    : { problem: 'must be a region such as eu-west-1' };
}

/** Parses the URL of an S3 server: scheme, host and port, and nothing else. */
export function parseEndpoint(text: string): ParsedValue<string> {
  const problem = 'must be a URL such as https://s3.example.org or http://127.0.0.1:9000, without a path';
  if (!URL.canParse(text)) return { problem };
  const url = new URL(text);
  const isPlain = url.href === `${url.origin}/`;
  return /^https?:$/.test(url.protocol) && isPlain ? { value: url.origin } : { problem };
}

/** Parses `upload.role.arn`. Servers other than AWS may have roles without an account. */
export function parseRoleArn(text: string): ParsedValue<string> {
  return /^arn:[a-z-]+:iam::[A-Za-z0-9_-]{0,64}:role\/[\w+=,.@/-]{1,576}$/.test(text)
    ? { value: text }
    : { problem: 'must be the ARN of a role such as arn:aws:iam::111122223333:role/sftp-bob' };
}

/** Parses `upload.role.external.id` (STS AssumeRole, ExternalId). */
export function parseExternalId(text: string): ParsedValue<string> {
  return /^[\w+=,.@:/-]{2,1224}$/.test(text)
    ? { value: text }
    : { problem: 'must have 2 to 1224 letters, digits and the characters _+=,.@:/-' };
}

/** A key has up to 1,024 bytes, so this leaves 256 bytes for names below the prefix. */
const maxPrefixBytes = 768;

/** Parses `upload.prefix`: a directory in the bucket, or nothing or `/` for the whole bucket. */
export function parseUploadPrefix(text: string): ParsedValue<string> {
  if (text === '' || text === '/') return { value: '' };
  if (!text.endsWith('/')) return { problem: 'must end with "/"' };
  if (text.startsWith('/')) return { problem: 'must not begin with "/"' };
  const segments = text.slice(0, -1).split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    return { problem: 'must not contain "//", "." or ".." as a directory' };
  }
  // The gateway stores the sealed copy of keys and users there: docs/KEYS.md.
  if (text.startsWith(gatewayPrefix)) {
    return { problem: `must not be below "${gatewayPrefix}", which the gateway uses itself` };
  }
  if (/\p{Cc}|\p{Surrogate}/u.test(text)) return { problem: 'must not contain control characters' };
  if (Buffer.byteLength(text) > maxPrefixBytes)
    return { problem: `must not be longer than ${maxPrefixBytes} bytes` };
  return { value: text };
}

function numberIn<T extends Readonly<Record<number, string>>>(
  text: string,
  table: T,
): (keyof T & number) | null {
  return /^\d$/.test(text) && Object.hasOwn(table, text) ? (Number(text) as keyof T & number) : null;
}

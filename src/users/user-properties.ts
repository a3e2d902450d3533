import { nearestName } from '../files/nearest-name.js';
import { PropertiesDocument } from '../files/properties.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { type CannedAcl, cannedAcls, type EncryptionOption } from '../model/encryption.js';
import type { DownloadsMode } from '../model/users.js';
import type { AddressPatterns } from './address-patterns.js';
import { defaultLoginSequences, type LoginSequences } from './logins/login-methods.js';
import {
  type ParsedValue,
  parseAclOption,
  parseBucketName,
  parseDownloadsMode,
  parseEncryptionOption,
  parseKeyId,
  parseKmsKey,
  parseLoginMethods,
  parseNetworks,
  parseUploadPrefix,
  parseYesNo,
} from './property-values.js';

/** The settings in a `user.properties` file; null for a setting that it does not have. */
export interface UserProperties {
  readonly uploadOption: EncryptionOption;
  readonly kmsKeyArn: string | null;
  /** A key of the keyring for uploads, instead of the raw file. */
  readonly uploadKeyId: KeyFingerprint | null;
  readonly syncOption: EncryptionOption | null;
  /** A key of the keyring for downloads, instead of the raw file. */
  readonly syncKeyId: KeyFingerprint | null;
  readonly uploadBucket: string | null;
  readonly uploadPrefix: string | null;
  readonly acl: CannedAcl | null;
  readonly dropbox: boolean;
  readonly downloads: boolean;
  readonly shared: boolean;
  readonly downloadsMode: DownloadsMode;
  readonly downloadsDelete: boolean;
  /** No sequence, so all logins are refused, if the value is wrong. */
  readonly loginMethods: LoginSequences;
  /** True if the user must give TOTP codes; true also for a wrong value. */
  readonly totp: boolean;
  /** The addresses from which the user may log in; null for all, none for a wrong value. */
  readonly loginFrom: Pick<AddressPatterns, 'match'> | null;
}

/** A problem in the file. With an `error` the file is not used; a `notice` is only logged. */
export interface FileProblem {
  readonly severity: 'notice' | 'error';
  readonly line: number;
  readonly text: string;
}

/** The settings in a file, and its problems. */
export interface ParsedUserProperties {
  /** The settings, with the default in place of each invalid value. */
  readonly properties: UserProperties;
  readonly problems: readonly FileProblem[];
}

/** Maximum size of the file, which people write by hand. */
export const maxPropertiesBytes = 64 * 1024;

/** The names of the settings in `user.properties`. */
export const userPropertyNames = {
  uploadOption: 'sse.option',
  kmsKeyArn: 'sse.kms.key.arn',
  uploadKeyId: 'sse.key.id',
  syncOption: 'sse.sync.option',
  syncKeyId: 'sse.sync.key.id',
  uploadBucket: 'upload.bucket',
  uploadPrefix: 'upload.prefix',
  acl: 'acl.option',
  dropbox: 'upload.dropbox',
  downloads: 'downloads',
  shared: 'shared',
  downloadsMode: 'downloads.mode',
  downloadsDelete: 'downloads.delete',
  loginMethods: 'login.methods',
  totp: 'login.totp',
  loginFrom: 'login.from',
} as const;

const noAddresses = { match: () => false };

/** Settings that are specified but not built, with the one value that is accepted: the present behaviour. */
const reserved: Readonly<Record<string, string>> = {
  'upload.exclusions': '',
};

/** Parses the file's bytes. Returns errors as problems. */
export function parseUserProperties(bytes: Uint8Array): ParsedUserProperties {
  if (bytes.byteLength > maxPropertiesBytes) return unreadable(`is longer than ${maxPropertiesBytes} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return unreadable('is not valid UTF-8');
  }
  return readUserProperties(PropertiesDocument.parse(text));
}

/** Reads the settings from a document. Returns errors as problems, in the order of the lines. */
export function readUserProperties(document: PropertiesDocument): ParsedUserProperties {
  const problems: FileProblem[] = [...document.problems(), ...nameProblems(document)];
  const names = userPropertyNames;
  const readValue = <T>(name: string, parse: (text: string) => ParsedValue<T>): T | null => {
    const text = document.get(name)?.trim();
    if (text === undefined) return null;
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    const line = document.lineOf(name) ?? 0;
    problems.push({
      severity: 'error',
      line,
      text: `${name} ${parsed.problem}; it is ${JSON.stringify(text)}`,
    });
    return null;
  };
  const isSet = (name: string): boolean => document.get(name) !== null;
  const acl = readValue(names.acl, parseAclOption);
  const properties: UserProperties = {
    uploadOption: readValue(names.uploadOption, parseEncryptionOption) ?? 1,
    kmsKeyArn: readValue(names.kmsKeyArn, parseKmsKey),
    uploadKeyId: readValue(names.uploadKeyId, parseKeyId),
    syncOption: readValue(names.syncOption, parseEncryptionOption),
    syncKeyId: readValue(names.syncKeyId, parseKeyId),
    uploadBucket: readValue(names.uploadBucket, parseBucketName),
    uploadPrefix: readValue(names.uploadPrefix, parseUploadPrefix),
    acl: acl === null ? null : cannedAcls[acl],
    dropbox: readValue(names.dropbox, parseYesNo) ?? false,
    downloads: readValue(names.downloads, parseYesNo) ?? false,
    shared: readValue(names.shared, parseYesNo) ?? false,
    downloadsMode: readValue(names.downloadsMode, parseDownloadsMode) ?? 'mirror',
    downloadsDelete: readValue(names.downloadsDelete, parseYesNo) ?? false,
    loginMethods:
      readValue(names.loginMethods, parseLoginMethods) ??
      (isSet(names.loginMethods) ? [] : defaultLoginSequences),
    totp: readValue(names.totp, parseYesNo) ?? isSet(names.totp),
    loginFrom: readValue(names.loginFrom, parseNetworks) ?? (isSet(names.loginFrom) ? noAddresses : null),
  };
  if (properties.uploadOption === 2 && document.get(names.kmsKeyArn) === null) {
    const line = document.lineOf(names.uploadOption) ?? 0;
    problems.push({ severity: 'error', line, text: `${names.uploadOption}=2 needs ${names.kmsKeyArn}` });
  }
  return { properties, problems: problems.sort((a, b) => a.line - b.line) };
}

function nameProblems(document: PropertiesDocument): readonly FileProblem[] {
  const known = new Set<string>(Object.values(userPropertyNames));
  const problems: FileProblem[] = [];
  for (const { key, value, line } of document.entries()) {
    if (known.has(key) || key === '') continue;
    const harmless = Object.hasOwn(reserved, key) ? reserved[key] : undefined;
    if (harmless === value.trim()) continue;
    const meant = nearestName(key, known);
    const text =
      harmless === undefined
        ? `unknown setting ${JSON.stringify(key)}${meant === null ? '' : `; did you mean ${meant}?`}`
        : `${key} is not supported yet; remove the line`;
    problems.push({ severity: 'error', line, text });
  }
  return problems;
}

function unreadable(text: string): ParsedUserProperties {
  const { properties } = readUserProperties(PropertiesDocument.parse(''));
  return { properties, problems: [{ severity: 'error', line: 1, text: `the file ${text}` }] };
}

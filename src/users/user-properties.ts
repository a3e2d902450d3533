import { nearestName } from '../files/nearest-name.js';
import { PropertiesDocument } from '../files/properties.js';
import type { BucketAccess } from '../model/bucket.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { type CannedAcl, cannedAcls, type EncryptionOption } from '../model/encryption.js';
import { allRights, dropboxRights, type UploadRights, uploadRights } from '../model/users/upload-rights.js';
import type { DownloadsMode } from '../model/users.js';
import type { AddressPatterns } from './address-patterns.js';
import { defaultLoginSequences, type LoginSequences } from './logins/login-methods.js';
import {
  type ParsedValue,
  parseAclOption,
  parseBucketName,
  parseByteLimit,
  parseCountLimit,
  parseDownloadsMode,
  parseEncryptionOption,
  parseEndpoint,
  parseExpiry,
  parseExternalId,
  parseKeyId,
  parseKmsKey,
  parseLoginMethods,
  parseNetworks,
  parseRegion,
  parseRoleArn,
  parseUploadExclusions,
  parseUploadPrefix,
  parseUploadRights,
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
  readonly access: BucketAccess | null;
  readonly acl: CannedAcl | null;
  /** No right if the value is wrong. */
  readonly uploadRights: UploadRights;
  readonly uploadExclusions: readonly string[];
  readonly downloads: boolean;
  readonly shared: boolean;
  readonly downloadsMode: DownloadsMode;
  readonly downloadsDelete: boolean;
  readonly local: boolean;
  /** Limits of `/local` in bytes and in files and directories; 0 for none, null for the gateway's default. */
  readonly localLimitBytes: number | null;
  readonly localFilesLimit: number | null;
  /** No sequence, so all logins are refused, if the value is wrong. */
  readonly loginMethods: LoginSequences;
  /** True if the user must give TOTP codes; true also for a wrong value. */
  readonly totp: boolean;
  /** The addresses from which the user may log in; null for all, none for a wrong value. */
  readonly loginFrom: Pick<AddressPatterns, 'match' | 'text'> | null;
  /** True if the account is disabled; true also for a wrong value. */
  readonly loginDisabled: boolean;
  /** The time from which the account is expired; null for never, 0 for a wrong value. */
  readonly loginExpiresMs: number | null;
  /** False if the user may not use the files page; false also for a wrong value. */
  readonly loginWeb: boolean;
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
  uploadRegion: 'upload.region',
  uploadEndpoint: 'upload.endpoint',
  roleArn: 'upload.role.arn',
  externalId: 'upload.role.external.id',
  acl: 'acl.option',
  dropbox: 'upload.dropbox',
  uploadRights: 'upload.rights',
  uploadExclusions: 'upload.exclusions',
  downloads: 'downloads',
  shared: 'shared',
  downloadsMode: 'downloads.mode',
  downloadsDelete: 'downloads.delete',
  local: 'local',
  localLimit: 'local.limit',
  localFilesLimit: 'local.files.limit',
  loginMethods: 'login.methods',
  totp: 'login.totp',
  loginFrom: 'login.from',
  loginDisabled: 'login.disabled',
  loginExpires: 'login.expires',
  loginWeb: 'login.web',
} as const;

const noAddresses = { match: () => false, text: 'none, because the setting is wrong' };

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
  const access: BucketAccess = {
    region: readValue(names.uploadRegion, parseRegion),
    endpoint: readValue(names.uploadEndpoint, parseEndpoint),
    roleArn: readValue(names.roleArn, parseRoleArn),
    externalId: readValue(names.externalId, parseExternalId),
  };
  const isOwn = Object.values(access).some((value) => value !== null);
  const acl = readValue(names.acl, parseAclOption);
  const isDropbox = readValue(names.dropbox, parseYesNo) ?? isSet(names.dropbox);
  const properties: UserProperties = {
    uploadOption: readValue(names.uploadOption, parseEncryptionOption) ?? 1,
    kmsKeyArn: readValue(names.kmsKeyArn, parseKmsKey),
    uploadKeyId: readValue(names.uploadKeyId, parseKeyId),
    syncOption: readValue(names.syncOption, parseEncryptionOption),
    syncKeyId: readValue(names.syncKeyId, parseKeyId),
    uploadBucket: readValue(names.uploadBucket, parseBucketName),
    uploadPrefix: readValue(names.uploadPrefix, parseUploadPrefix),
    access: isOwn ? access : null,
    acl: acl === null ? null : cannedAcls[acl],
    uploadRights:
      readValue(names.uploadRights, parseUploadRights) ??
      (isSet(names.uploadRights) ? uploadRights([]) : isDropbox ? dropboxRights : allRights),
    uploadExclusions: readValue(names.uploadExclusions, parseUploadExclusions) ?? [],
    downloads: readValue(names.downloads, parseYesNo) ?? false,
    shared: readValue(names.shared, parseYesNo) ?? false,
    downloadsMode: readValue(names.downloadsMode, parseDownloadsMode) ?? 'mirror',
    downloadsDelete: readValue(names.downloadsDelete, parseYesNo) ?? false,
    local: readValue(names.local, parseYesNo) ?? !isSet(names.local),
    localLimitBytes: readValue(names.localLimit, parseByteLimit),
    localFilesLimit: readValue(names.localFilesLimit, parseCountLimit),
    loginMethods:
      readValue(names.loginMethods, parseLoginMethods) ??
      (isSet(names.loginMethods) ? [] : defaultLoginSequences),
    totp: readValue(names.totp, parseYesNo) ?? isSet(names.totp),
    loginFrom: readValue(names.loginFrom, parseNetworks) ?? (isSet(names.loginFrom) ? noAddresses : null),
    loginDisabled: readValue(names.loginDisabled, parseYesNo) ?? isSet(names.loginDisabled),
    loginExpiresMs: readValue(names.loginExpires, parseExpiry) ?? (isSet(names.loginExpires) ? 0 : null),
    loginWeb: readValue(names.loginWeb, parseYesNo) ?? !isSet(names.loginWeb),
  };
  if (properties.uploadOption === 2 && document.get(names.kmsKeyArn) === null) {
    const line = document.lineOf(names.uploadOption) ?? 0;
    problems.push({ severity: 'error', line, text: `${names.uploadOption}=2 needs ${names.kmsKeyArn}` });
  }
  if (access.externalId !== null && access.roleArn === null) {
    const line = document.lineOf(names.externalId) ?? 0;
    problems.push({ severity: 'error', line, text: `${names.externalId} needs ${names.roleArn}` });
  }
  if (isDropbox && isSet(names.uploadRights)) {
    const line = document.lineOf(names.dropbox) ?? 0;
    const text = `${names.dropbox} contradicts ${names.uploadRights}; remove one of the lines`;
    problems.push({ severity: 'error', line, text });
  }
  return { properties, problems: problems.sort((a, b) => a.line - b.line) };
}

function nameProblems(document: PropertiesDocument): readonly FileProblem[] {
  const known = new Set<string>(Object.values(userPropertyNames));
  const problems: FileProblem[] = [];
  for (const { key, line } of document.entries()) {
    if (known.has(key) || key === '') continue;
    const meant = nearestName(key, known);
    const text = `unknown setting ${JSON.stringify(key)}${meant === null ? '' : `; did you mean ${meant}?`}`;
    problems.push({ severity: 'error', line, text });
  }
  return problems;
}

function unreadable(text: string): ParsedUserProperties {
  const { properties } = readUserProperties(PropertiesDocument.parse(''));
  return { properties, problems: [{ severity: 'error', line: 1, text: `the file ${text}` }] };
}

import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import * as settings from '../../config/values.js';
import { type CannedAcl, cannedAcls, type EncryptionOption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { UploadRights } from '../../model/users/upload-rights.js';
import { formatSequences } from '../../users/logins/login-methods.js';
import * as values from '../../users/property-values.js';
import { faultOf } from '../system-faults.js';
import type { Shell } from './shell.js';

/** Maximum size of a key, public key or password file. */
const maxAnswerBytes = 64 * 1024;

/**
 * Reads a file that answers a question. `-` is stdin, `~/` the home directory. Throws faults that
 * name the path.
 */
export async function readAnswerFile(shell: Shell, path: string): Promise<Buffer> {
  if (path === '-') return shell.readInput(maxAnswerBytes);
  const expanded = path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
  const absolute = resolve(shell.workingDirectory, expanded);
  try {
    const status = await stat(absolute);
    if (status.size > maxAnswerBytes) {
      throw new Fault(
        'invalid',
        `${absolute} has ${status.size} bytes, more than ${maxAnswerBytes}: check the file name`,
      );
    }
    return await readFile(absolute);
  } catch (thrown) {
    throw faultOf(thrown, absolute);
  }
}

/** Returns the name of the file for errors. */
export function answerFileName(path: string): string {
  return path === '-' ? 'stdin' : path;
}

/** Parses a number of the encryption menu. */
export function parseEncryptionAnswer(text: string): EncryptionOption {
  return accept('encryption', values.parseEncryptionOption(text.trim()));
}

/** Parses the number of a canned ACL. */
export function parseAcl(text: string): CannedAcl {
  return cannedAcls[accept('ACL', values.parseAclOption(text.trim()))];
}

/**
 * Parses a KMS key: an ARN, or an id or `alias/NAME`, which S3 and other S3 servers also accept.
 */
export function parseKmsKeyAnswer(text: string): string {
  return accept('KMS key', values.parseKmsKey(text.trim()));
}

/** Parses the rights in `/uploads`: `all`, `dropbox` or a list. */
export function parseRights(text: string): UploadRights {
  return accept('value of --rights', values.parseUploadRights(text.trim()));
}

/** Parses names under which uploads wait until they are renamed. */
export function parseExclusions(text: string): readonly string[] {
  return accept('value of --exclusions', values.parseUploadExclusions(text.trim()));
}

/** Parses the addresses from which a user may log in, and returns them as they are stored. */
export function parseLoginFrom(text: string): string {
  return accept('value of --login-from', values.parseNetworks(text.trim())).text;
}

/** Parses a bucket name. */
export function parseBucketAnswer(text: string): string {
  return accept('bucket', values.parseBucketName(text.trim()));
}

/** Parses a prefix. Removes leading slashes and adds one at the end. `/` is the whole bucket. */
export function parsePrefix(text: string): string {
  const bare = text.trim().replace(/^\/+/, '').replace(/\/+$/, '');
  if (bare === '' && text.trim() === '')
    throw new Fault('invalid', 'the prefix is empty: give a directory, or "/" for the whole bucket');
  return accept('prefix', values.parseUploadPrefix(bare === '' ? '' : `${bare}/`));
}

/**
 * Returns a parsed value. The rules are those of the settings files, so they accept every answer.
 */
function accept<T>(what: string, parsed: values.ParsedValue<T>): T {
  if ('value' in parsed) return parsed.value;
  throw new Fault('invalid', `the ${what} ${parsed.problem}`);
}

/** Parses the region of a user's bucket. */
export function parseUserRegion(text: string): string {
  return accept('region', values.parseRegion(text.trim()));
}

/** Parses the URL of the S3 server of a user's bucket. */
export function parseUserEndpoint(text: string): string {
  return accept('endpoint', values.parseEndpoint(text.trim()));
}

/** Parses the ARN of a role. */
export function parseRole(text: string): string {
  return accept('role', values.parseRoleArn(text.trim()));
}

/** Parses the external id for a role. */
export function parseRoleExternalId(text: string): string {
  return accept('external id', values.parseExternalId(text.trim()));
}

/** Parses an AWS region. */
export function parseRegion(text: string): string | null {
  return accept('region', settings.regionName.parse(text.trim()));
}

/** Parses the URL of an S3 server. */
export function parseEndpoint(text: string): string | null {
  return accept('endpoint', settings.endpointUrl.parse(text.trim()));
}

/** Parses `HOST:PORT`, with an IPv6 address in brackets. Port 0 selects a free port. */
export function parseListenAddress(text: string): settings.ListenAddress {
  return accept('address to listen on', settings.listenAddress.parse(text));
}

/** Checks the login methods of a user and returns them. Throws `invalid`. */
export function parseLoginMethodsAnswer(text: string): string {
  const parsed = values.parseLoginMethods(text);
  if ('problem' in parsed) throw new Fault('invalid', `the login methods ${parsed.problem}`);
  return formatSequences(parsed.value);
}

/**
 * Returns the line of a password file, without its line end. Throws `invalid` for no line or
 * several.
 */
export function parsePassword(content: Uint8Array, where: string): string {
  const text = Buffer.from(content)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (text === '') throw new Fault('invalid', `${where} holds no password`);
  if (/[\r\n]/.test(text))
    throw new Fault('invalid', `${where} holds more than one line: a password is one line`);
  return text;
}

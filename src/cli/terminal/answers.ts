import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import * as settings from '../../config/values.js';
import { type CannedAcl, cannedAcls, type EncryptionOption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import * as values from '../../users/property-values.js';
import { faultOf } from '../system-faults.js';
import type { Shell } from './shell.js';

/** What a key, public key or password file may hold at most; more is the wrong file. */
const maxAnswerBytes = 64 * 1024;

/** A file that answers a question. `-` is stdin, `~/` the home directory. Throws faults that name the path. */
export async function readAnswerFile(shell: Shell, path: string): Promise<Buffer> {
  if (path === '-') return shell.readInput(maxAnswerBytes);
  const expanded = path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
  const absolute = resolve(shell.workingDirectory, expanded);
  try {
    const status = await stat(absolute);
    if (status.size > maxAnswerBytes) {
      throw new Fault('invalid', `${absolute} has ${status.size} bytes; is it the right file?`);
    }
    return await readFile(absolute);
  } catch (thrown) {
    throw faultOf(thrown, absolute);
  }
}

/** What a person calls the file in an error. */
export function answerFileName(path: string): string {
  return path === '-' ? 'stdin' : path;
}

/** The number of the encryption menu. */
export function parseEncryptionOption(text: string): EncryptionOption {
  return accept('encryption', values.parseEncryptionOption(text.trim()));
}

export function parseAcl(text: string): CannedAcl {
  return cannedAcls[accept('ACL', values.parseAclOption(text.trim()))];
}

/** An ARN, or what S3 also takes and other S3 servers call a key: an id or `alias/NAME`. */
export function parseKmsKey(text: string): string {
  return accept('KMS key', values.parseKmsKey(text.trim()));
}

export function parseBucketName(text: string): string {
  return accept('bucket', values.parseBucketName(text.trim()));
}

/** Where in the bucket; a slash in front is dropped and one at the end added. */
export function parsePrefix(text: string): string {
  const bare = text.trim().replace(/^\/+/, '').replace(/\/+$/, '');
  if (bare === '') throw new Fault('invalid', 'the prefix is empty; name a directory of the bucket');
  return accept('prefix', values.parseUploadPrefix(`${bare}/`));
}

/** The files decide what a value may be, so that nothing is asked for that they would refuse. */
function accept<T>(what: string, parsed: values.ParsedValue<T>): T {
  if ('value' in parsed) return parsed.value;
  throw new Fault('invalid', `the ${what} ${parsed.problem}`);
}

export function parseRegion(text: string): string | null {
  return accept('region', settings.regionName.parse(text.trim()));
}

export function parseEndpoint(text: string): string | null {
  return accept('endpoint', settings.endpointUrl.parse(text.trim()));
}

/** `HOST:PORT`, with an IPv6 address in brackets; port 0 takes any free one. */
export function parseListenAddress(text: string): settings.ListenAddress {
  return accept('address to listen on', settings.listenAddress.parse(text));
}

/** The first line of a password file: an editor's line end is not part of a password. */
export function parsePassword(content: Uint8Array, where: string): string {
  const text = Buffer.from(content)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (text === '') throw new Fault('invalid', `${where} holds no password`);
  if (/[\r\n]/.test(text)) throw new Fault('invalid', `${where} holds more than one line; a password is one`);
  return text;
}

import { contentLines, parseAgeRecipient } from '../keyring/age.js';
import { readKeyFileContent } from '../keyring/key-file-content.js';
import { parseKeyRecord } from '../keyring/key-record.js';
import { Fault } from '../model/fault.js';
import { TotpSecret } from '../users/logins/totp.js';
import { parseUserProperties } from '../users/user-properties.js';
import type { ReplicatedKind } from './replicated-files.js';

/** Max size of a shared file, in bytes: four times the limit of `authorized_keys`, the largest kind. */
export const maxSharedBytes = 4 * 1024 * 1024;

/** Returns what is wrong with a settings file; null for a valid one. */
export type SettingsCheck = (text: string) => string | null;

/**
 * Returns why a content is not usable as a file of its kind; null if it is. An editor may be writing the file, and a
 * damaged file must not reach other nodes.
 */
export async function contentProblem(
  kind: ReplicatedKind,
  content: Buffer,
  checkSettings: SettingsCheck,
): Promise<string | null> {
  if (content.byteLength > maxSharedBytes) return `it has more than ${maxSharedBytes} bytes`;
  if (content.byteLength === 0 && kind !== 'authorized-keys' && kind !== 'settings') return 'it is empty';
  try {
    return await problemOf(kind, content, checkSettings);
  } catch (error) {
    return Fault.from(error).hint;
  }
}

async function problemOf(
  kind: ReplicatedKind,
  content: Buffer,
  checkSettings: SettingsCheck,
): Promise<string | null> {
  switch (kind) {
    case 'settings':
      return checkSettings(utf8(content));
    case 'user-settings':
    case 'shared-settings': {
      const error = parseUserProperties(content).problems.find(({ severity }) => severity === 'error');
      return error === undefined ? null : `line ${error.line}: ${error.text}`;
    }
    case 'totp':
      TotpSecret.parse(content.toString('latin1'));
      return null;
    case 'key-file': {
      const found = readKeyFileContent(content);
      return found.kind === 'invalid' ? found.reason : null;
    }
    case 'key-description':
      parseKeyRecord(content.toString('utf8'));
      return null;
    case 'sealed-key':
      return content.toString('latin1').startsWith('age-encryption.org/') ? null : 'it is not an age file';
    case 'recipients':
      for (const { content: line } of contentLines(content.toString('utf8'))) await parseAgeRecipient(line);
      return null;
    case 'host-key':
      return content.toString('latin1').startsWith('-----BEGIN ') ? null : 'it is not a private key';
    case 'password':
      return content.toString('latin1').startsWith('$') ? null : 'it is not a stored password';
    case 'authorized-keys':
      utf8(content);
      return null;
    case 'signer':
    case 'event-secret':
    case 'metrics-token':
      return null;
  }
}

function utf8(content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new Fault('invalid', 'it is not valid UTF-8');
  }
}

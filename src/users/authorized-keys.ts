import {
  isKeyType,
  KeyError,
  type PublicKey,
  parseKeyLine as parsePlainLine,
  parsePublicKey,
} from '@sftpgw/ssh/keys';
import { endOfOptions, type KeyOptions, noOptions, parseKeyOptions } from './key-options.js';

/** A usable line. */
export interface AuthorizedKey extends KeyOptions {
  readonly line: number;
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  /** The key in SSH wire form (RFC 4253 section 6.6). */
  readonly blob: Uint8Array;
  /** `SHA256:...`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  readonly comment: string;
}

/** The content of an authorized_keys file. */
export interface AuthorizedKeys {
  readonly keys: readonly AuthorizedKey[];
  /** The lines with this key, by its fingerprint. A key may be on several lines with different options. */
  readonly byFingerprint: ReadonlyMap<string, readonly AuthorizedKey[]>;
  /** Skipped lines, with the reason. */
  readonly problems: readonly { readonly line: number; readonly text: string }[];
}

/** The content of a file that does not exist. */
export const noAuthorizedKeys: AuthorizedKeys = { keys: [], byFingerprint: new Map(), problems: [] };

/**
 * Parses an authorized_keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT). Skips and reports unusable
 * lines.
 */
export function parseAuthorizedKeys(text: string): AuthorizedKeys {
  const keys: AuthorizedKey[] = [];
  const problems: { readonly line: number; readonly text: string }[] = [];
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const content = raw.replace(/^\ufeff/, '').trim();
    if (content === '' || content.startsWith('#')) continue;
    const line = index + 1;
    const parsed = parseKeyLine(content);
    if ('problem' in parsed) {
      problems.push({ line, text: parsed.problem });
      continue;
    }
    keys.push({ line, ...parsed.key });
  }
  return { keys, byFingerprint: indexKeys(keys), problems };
}

/** Returns the keys by their fingerprints. */
export function indexKeys(keys: readonly AuthorizedKey[]): ReadonlyMap<string, readonly AuthorizedKey[]> {
  return Map.groupBy(keys, (key) => key.fingerprint);
}

/** Parses one line without blanks around it: `[options] type base64 [comment]`. */
export function parseKeyLine(
  content: string,
): { readonly key: Omit<AuthorizedKey, 'line'> } | { readonly problem: string } {
  if (/-----BEGIN .*PRIVATE KEY-----/.test(content)) {
    return { problem: 'this is a private key; use the public one (the file that ends in .pub)' };
  }
  let options = noOptions;
  let rest = content;
  if (!isKeyType(firstWord(content))) {
    const end = endOfOptions(content);
    if (end === null) return { problem: 'a quote in the options is not closed' };
    rest = content.slice(end).trimStart();
    if (!isKeyType(firstWord(rest))) {
      return { problem: 'this is not a public key line such as "ssh-ed25519 AAAAC3Nza... name"' };
    }
    const parsed = parseKeyOptions(content.slice(0, end));
    if ('problem' in parsed) return parsed;
    options = parsed.options;
  }
  const parsed = readKey(rest);
  if ('problem' in parsed) return parsed;
  const { type, blob, fingerprint } = parsed.key;
  if (options.verificationRequired && !options.isAuthority && !type.startsWith('sk-')) {
    return { problem: `verify-required needs a security key (sk-...), and the key is ${type}` };
  }
  return { key: { ...options, type, blob, fingerprint, comment: parsed.comment } };
}

function readKey(
  text: string,
): { readonly key: PublicKey; readonly comment: string } | { readonly problem: string } {
  if (firstWord(text).includes('-cert-')) {
    return { problem: 'certificates are not listed: add the key of their authority, with cert-authority' };
  }
  try {
    const { blob, comment } = parsePlainLine(text);
    return { key: parsePublicKey(blob), comment };
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    const isMalformed = error.problem === 'malformed' && !error.message.includes('cut off');
    return { problem: isMalformed ? `${error.message}; the line may be cut off` : error.message };
  }
}

function firstWord(text: string): string {
  return /^\S*/.exec(text)?.[0] ?? '';
}

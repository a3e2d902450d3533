import { endOfOptions, type KeyOptions, parseKeyOptions } from './key-options.js';
import { isKeyType, type PublicKey, parsePublicKey } from './public-key.js';

/** A usable line. */
export interface AuthorizedKey extends PublicKey, KeyOptions {
  readonly line: number;
  readonly comment: string;
}

/** The content of an authorized_keys file. */
export interface AuthorizedKeys {
  readonly keys: readonly AuthorizedKey[];
  /** Skipped lines, with the reason. */
  readonly problems: readonly { readonly line: number; readonly text: string }[];
}

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
    if ('problem' in parsed) problems.push({ line, text: parsed.problem });
    else keys.push({ line, ...parsed.key });
  }
  return { keys, problems };
}

/** Parses one line without blanks around it: `[options] type base64 [comment]`. */
export function parseKeyLine(
  content: string,
): { readonly key: Omit<AuthorizedKey, 'line'> } | { readonly problem: string } {
  if (/-----BEGIN .*PRIVATE KEY-----/.test(content)) {
    return { problem: 'this is a private key; use the public one (the file that ends in .pub)' };
  }
  let options: KeyOptions = { from: null, expiresMs: null };
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
  const [type = '', base64 = '', ...comment] = rest.split(/[ \t]+/);
  const parsed = parsePublicKey(type, base64);
  if ('problem' in parsed) return parsed;
  return { key: { ...parsed.key, ...options, comment: comment.join(' ') } };
}

function firstWord(text: string): string {
  return /^\S*/.exec(text)?.[0] ?? '';
}

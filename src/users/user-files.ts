import { FileCache } from '../files/file-cache.js';
import { hasCode } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import type { Username } from '../model/users.js';
import { type AuthorizedKeys, noAuthorizedKeys, parseAuthorizedKeys } from './authorized-keys.js';
import { TotpSecret } from './logins/totp.js';
import { type UserDirectories, type UserPaths, userPaths } from './user-paths.js';
import { maxPropertiesBytes, type ParsedUserProperties, parseUserProperties } from './user-properties.js';

const maxAuthorizedKeysBytes = 1024 * 1024;
const maxPasswordFileBytes = 4096;
const maxTotpFileBytes = 4096;

/** A user's TOTP secret, or the reason why the file has none. */
export type StoredTotp = { readonly secret: TotpSecret } | { readonly problem: string };

/**
 * The users' files, read again after a change. The methods throw `denied` or `unavailable`, naming the file.
 */
export class UserFiles {
  readonly directories: UserDirectories;
  readonly #properties = new FileCache<ParsedUserProperties>(maxPropertiesBytes, ({ bytes }) =>
    parseUserProperties(bytes),
  );
  readonly #authorizedKeys = new FileCache<AuthorizedKeys>(maxAuthorizedKeysBytes, ({ bytes }) =>
    bytes.byteLength > maxAuthorizedKeysBytes
      ? {
          ...noAuthorizedKeys,
          problems: [{ line: 1, text: `the file is longer than ${maxAuthorizedKeysBytes} bytes` }],
        }
      : parseAuthorizedKeys(bytes.toString('utf8')),
  );
  readonly #passwords = new FileCache<{ readonly text: string }>(maxPasswordFileBytes, ({ bytes }) => ({
    text: bytes.toString('latin1'),
  }));
  readonly #totp = new FileCache<StoredTotp>(maxTotpFileBytes, ({ bytes }) =>
    parseTotp(bytes.toString('latin1')),
  );

  constructor(directories: UserDirectories) {
    this.directories = directories;
  }

  paths(username: Username): UserPaths {
    return userPaths(this.directories, username);
  }

  /** Returns the settings, or null for an unknown user. Returns the same object until the file changes. */
  properties(username: Username): Promise<ParsedUserProperties | null> {
    return read(this.#properties, this.paths(username).properties);
  }

  /** Returns the authorized keys; none without a file. Returns the same object until the file changes. */
  async authorizedKeys(username: Username): Promise<AuthorizedKeys> {
    return (await read(this.#authorizedKeys, this.paths(username).authorizedKeys)) ?? noAuthorizedKeys;
  }

  /** Returns the stored password, or null. */
  async password(username: Username): Promise<string | null> {
    return (await read(this.#passwords, this.paths(username).password))?.text ?? null;
  }

  /** Returns the TOTP secret, or null without a file. */
  async totp(username: Username): Promise<StoredTotp | null> {
    return await read(this.#totp, this.paths(username).totpSecret);
  }
}

function parseTotp(text: string): StoredTotp {
  try {
    return { secret: TotpSecret.parse(text) };
  } catch (error) {
    return { problem: Fault.from(error).hint };
  }
}

/** Returns the problems of a file as sentences with the file and the line. */
export function located(
  path: string,
  problems: readonly { readonly line: number; readonly text: string }[],
): readonly string[] {
  return problems.map(({ line, text }) => `${path} line ${line}: ${text}`);
}

async function read<T extends object>(cache: FileCache<T>, path: string): Promise<T | null> {
  try {
    return await cache.read(path);
  } catch (error) {
    throw fileFault(path, 'read', error);
  }
}

/**
 * Converts a file system error to `denied` or `unavailable`. The fault names `path` if the error does
 * not.
 */
export function fileFault(path: string, action: 'read' | 'written', error: unknown): Fault {
  if (error instanceof Fault) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const name = error instanceof Error && 'path' in error ? String(error.path) : path;
  const kind = hasCode(error, 'EACCES', 'EPERM', 'EROFS') ? 'denied' : 'unavailable';
  const advice = kind === 'denied' ? 'check its owner and permissions' : code;
  return new Fault(kind, `${name} cannot be ${action}: ${advice}`, { cause: error });
}

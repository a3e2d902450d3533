import { FileCache } from '../files/file-cache.js';
import { hasCode } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import type { Username } from '../model/users.js';
import { type AuthorizedKeys, parseAuthorizedKeys } from './authorized-keys.js';
import { type UserDirectories, type UserPaths, userPaths } from './user-paths.js';
import { maxPropertiesBytes, type ParsedUserProperties, parseUserProperties } from './user-properties.js';

const maxAuthorizedKeysBytes = 1024 * 1024;
const maxPasswordFileBytes = 4096;
const noKeys: AuthorizedKeys = { keys: [], problems: [] };

/** The users' files as they are now: read again when they changed. Faults: `denied` and `unavailable`, naming the file. */
export class UserFiles {
  readonly directories: UserDirectories;
  readonly #properties = new FileCache<ParsedUserProperties>(maxPropertiesBytes, ({ bytes }) =>
    parseUserProperties(bytes),
  );
  readonly #authorizedKeys = new FileCache<AuthorizedKeys>(maxAuthorizedKeysBytes, ({ bytes }) =>
    bytes.byteLength > maxAuthorizedKeysBytes
      ? { keys: [], problems: [{ line: 1, text: `the file is longer than ${maxAuthorizedKeysBytes} bytes` }] }
      : parseAuthorizedKeys(bytes.toString('utf8')),
  );
  readonly #passwords = new FileCache<{ readonly text: string }>(maxPasswordFileBytes, ({ bytes }) => ({
    text: bytes.toString('latin1'),
  }));

  constructor(directories: UserDirectories) {
    this.directories = directories;
  }

  paths(username: Username): UserPaths {
    return userPaths(this.directories, username);
  }

  /** Null when there is no such user. The same object until the file changes. */
  properties(username: Username): Promise<ParsedUserProperties | null> {
    return read(this.#properties, this.paths(username).properties);
  }

  /** Without keys when there is no file. The same object until the file changes. */
  async authorizedKeys(username: Username): Promise<AuthorizedKeys> {
    return (await read(this.#authorizedKeys, this.paths(username).authorizedKeys)) ?? noKeys;
  }

  /** The stored password, null when there is none. */
  async password(username: Username): Promise<string | null> {
    return (await read(this.#passwords, this.paths(username).password))?.text ?? null;
  }
}

/** The problems of a file, each with the file and the line. */
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

/** What the file system said of one of the users' files; `path` names it when the error does not. */
export function fileFault(path: string, action: 'read' | 'written', error: unknown): Fault {
  if (error instanceof Fault) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const name = error instanceof Error && 'path' in error ? String(error.path) : path;
  const kind = hasCode(error, 'EACCES', 'EPERM', 'EROFS') ? 'denied' : 'unavailable';
  const advice = kind === 'denied' ? 'check its owner and permissions' : code;
  return new Fault(kind, `${name} cannot be ${action}: ${advice}`, { cause: error });
}

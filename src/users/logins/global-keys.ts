import { KeyError, parseRevocationList, type RevocationList } from '@sftpgw/ssh/keys';
import { FileCache } from '../../files/file-cache.js';
import type { Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { OfferedKey } from '../../model/users/logins.js';
import { type AuthorizedKeys, indexKeys, noAuthorizedKeys, parseAuthorizedKeys } from '../authorized-keys.js';
import { fileFault, located } from '../user-files.js';

/** The files with keys that hold for all users. */
export interface GlobalKeyFiles {
  /** `sftp.user.ca.file`: the authorities whose certificates may log in; null for none. */
  readonly userCaFile: string | null;
  /** `sftp.revoked.keys.file`; null for none. */
  readonly revokedKeysFile: string | null;
}

const maxCaFileBytes = 1024 * 1024;
const maxRevocationBytes = 32 * 1024 * 1024;

type ReadList = { readonly list: RevocationList } | { readonly problem: string };

/**
 * The certificate authorities and revoked keys of all users, read again after a change. A file that
 * cannot be read opens nothing: without the authorities, their certificates are refused; without
 * the revoked keys, every key is.
 */
export class GlobalKeys {
  readonly #files: () => GlobalKeyFiles;
  readonly #authorities = new FileCache<AuthorizedKeys>(maxCaFileBytes, ({ bytes }) =>
    bytes.byteLength > maxCaFileBytes
      ? {
          ...noAuthorizedKeys,
          problems: [{ line: 1, text: `the file is longer than ${maxCaFileBytes} bytes` }],
        }
      : parseAuthorities(bytes.toString('utf8')),
  );
  readonly #revoked = new FileCache<ReadList>(maxRevocationBytes, ({ bytes }) =>
    bytes.byteLength > maxRevocationBytes
      ? { problem: `the file is longer than ${maxRevocationBytes} bytes` }
      : readList(bytes),
  );
  /** The logged problems of each file, as one text. */
  readonly #logged = new Map<string, string>();

  constructor(files: () => GlobalKeyFiles) {
    this.#files = files;
  }

  /** Returns the certificate authorities of all users. Logs problems once. */
  async authorities(log: Logger): Promise<AuthorizedKeys> {
    const { userCaFile: path } = this.#files();
    if (path === null) return noAuthorizedKeys;
    const { keys, problems } = await this.#readAuthorities(path);
    if (this.#isChange(log, path, problems)) {
      log.error('cannot use the file of certificate authorities', {
        file: path,
        problem: problems.join('; '),
      });
    }
    return keys;
  }

  /** Returns true if the key is revoked, or if the revoked keys are not known. Logs problems once. */
  async revokes(log: Logger, key: OfferedKey): Promise<boolean> {
    const { revokedKeysFile: path } = this.#files();
    if (path === null) return false;
    const read = await this.#readRevoked(path);
    const problems = 'problem' in read ? [read.problem] : [];
    if (this.#isChange(log, path, problems)) {
      log.error('every key is refused: cannot use the file of revoked keys', {
        file: path,
        problem: problems.join('; '),
      });
    }
    return 'problem' in read || read.list.revokes(key);
  }

  /** Returns the present problems of the files, for the doctor. */
  async problems(): Promise<readonly { readonly path: string; readonly text: string }[]> {
    const { userCaFile, revokedKeysFile } = this.#files();
    const found: { readonly path: string; readonly text: string }[] = [];
    if (userCaFile !== null) {
      const { problems } = await this.#readAuthorities(userCaFile);
      found.push(...problems.map((text) => ({ path: userCaFile, text })));
    }
    if (revokedKeysFile !== null) {
      const read = await this.#readRevoked(revokedKeysFile);
      if ('problem' in read) found.push({ path: revokedKeysFile, text: read.problem });
    }
    return found;
  }

  async #readAuthorities(
    path: string,
  ): Promise<{ readonly keys: AuthorizedKeys; readonly problems: readonly string[] }> {
    try {
      const keys = await this.#authorities.read(path);
      if (keys === null) throw missing(path);
      return { keys, problems: located(path, keys.problems) };
    } catch (error) {
      return { keys: noAuthorizedKeys, problems: [fileFault(path, 'read', error).hint] };
    }
  }

  async #readRevoked(path: string): Promise<ReadList> {
    try {
      const read = await this.#revoked.read(path);
      if (read === null) throw missing(path);
      return 'problem' in read ? { problem: `${path}: ${read.problem}` } : read;
    } catch (error) {
      return { problem: fileFault(path, 'read', error).hint };
    }
  }

  /** Returns true if the problems are new, and logs when a file is usable again. */
  #isChange(log: Logger, path: string, problems: readonly string[]): boolean {
    const text = problems.join('; ');
    if ((this.#logged.get(path) ?? '') === text) return false;
    this.#logged.set(path, text);
    if (text === '') log.info('file of login keys is usable again', { file: path });
    return text !== '';
  }
}

/**
 * Each line is the public key of an authority, as in sshd_config(5) TrustedUserCAKeys, with or
 * without `cert-authority`. `principals=` would open every account to the same names.
 */
function parseAuthorities(text: string): AuthorizedKeys {
  const { keys, problems } = parseAuthorizedKeys(text);
  const refused = keys.filter((key) => key.principals !== null);
  const authorities = keys
    .filter((key) => key.principals === null)
    .map((key) => ({ ...key, isAuthority: true }));
  return {
    keys: authorities,
    byFingerprint: indexKeys(authorities),
    problems: [
      ...problems,
      ...refused.map(({ line }) => ({
        line,
        text: 'principals= is for one user: put the line into the authorized_keys of that user',
      })),
    ],
  };
}

function readList(bytes: Uint8Array): ReadList {
  try {
    return { list: parseRevocationList(bytes) };
  } catch (error) {
    if (error instanceof KeyError) return { problem: error.message };
    throw error;
  }
}

function missing(path: string): Fault {
  return new Fault('not-found', `${path} does not exist`);
}

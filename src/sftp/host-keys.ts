import { generateKeyPair, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureDirectory, secretDirectoryMode, secretFileMode, writeFileDurably } from '../files/durable.js';
import type { Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { encodeOpensshKey, keyFingerprint, keyTypeOf, publicBlobOfOpensshKey } from './openssh-key.js';

const generate = promisify(generateKeyPair);

interface Kind {
  readonly fileName: string;
  readonly type: string;
  readonly make: () => Promise<{ readonly privateKey: KeyObject }>;
}

/** The preferred type first. The file names are those of sshd. */
const kinds: readonly Kind[] = [
  {
    fileName: 'ssh_host_ed25519_key',
    type: 'ssh-ed25519',
    make: () => generate('ed25519', {}),
  },
  {
    fileName: 'ssh_host_ecdsa_key',
    type: 'ecdsa-sha2-nistp256',
    make: () => generate('ec', { namedCurve: 'P-256' }),
  },
  {
    fileName: 'ssh_host_rsa_key',
    type: 'ssh-rsa',
    make: () => generate('rsa', { modulusLength: 3072 }),
  },
];

export interface HostKey {
  readonly type: string;
  /** `SHA256:...`, as a client shows it at the first connection. */
  readonly fingerprint: string;
  /** The private key in OpenSSH's format. */
  readonly privateKey: string;
}

/**
 * Loads the host keys in `directory`. Creates missing keys durably, with mode 0600 in a directory of mode
 * 0700. Throws `denied` if others can read a key, and `invalid` if a file does not hold a key of its type.
 */
export async function loadHostKeys(
  directory: string,
  entropy: Entropy,
  log: Logger,
): Promise<readonly HostKey[]> {
  await ensureDirectory(directory, secretDirectoryMode);
  const keys: HostKey[] = [];
  for (const kind of kinds) {
    const path = join(directory, kind.fileName);
    const existing = await readHostKey(path);
    if (existing !== null) {
      keys.push(hostKey(existing, kind, path));
      continue;
    }
    const { privateKey } = await kind.make();
    const text = encodeOpensshKey(privateKey, 'sftpgw host key', entropy.bytes(4));
    await writeFileDurably(path, text, secretFileMode);
    const made = hostKey(text, kind, path);
    log.info('host key created', { path, type: made.type, fingerprint: made.fingerprint });
    keys.push(made);
  }
  return keys;
}

/** Returns the host keys that exist in `directory`. Creates none. Throws as `loadHostKeys`. */
export async function readHostKeys(
  directory: string,
): Promise<readonly Pick<HostKey, 'type' | 'fingerprint'>[]> {
  const found = await Promise.all(
    kinds.map(async (kind) => {
      const path = join(directory, kind.fileName);
      const existing = await readHostKey(path);
      return existing === null ? null : hostKey(existing, kind, path);
    }),
  );
  return found.flatMap((key) => (key === null ? [] : [{ type: key.type, fingerprint: key.fingerprint }]));
}

function hostKey(privateKey: string, kind: Kind, path: string): HostKey {
  const blob = publicBlobOfOpensshKey(privateKey, path);
  const type = keyTypeOf(blob);
  if (type !== kind.type) throw new Fault('invalid', `${path} holds a key of type ${type}, not ${kind.type}`);
  return { type, fingerprint: keyFingerprint(blob), privateKey };
}

/** Returns null if the file does not exist. */
async function readHostKey(path: string): Promise<string | null> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new Fault(
        'denied',
        `the host key ${path} can be read by others (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${path}`,
      );
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (error instanceof Fault) throw error;
    throw new Fault('denied', `cannot read the host key ${path}`, { cause: error });
  }
}

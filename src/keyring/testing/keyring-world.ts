import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, Entropy, Logger } from '../../model/call.js';
import type { Keyring, KeyringCustody, SealedKeyring } from '../../model/keyring.js';
import { type AgeIdentity, newAgeIdentity } from '../age.js';
import { createKeyring } from '../keyring.js';

/** A root with a keyring on a real disk, which can be opened several times. */
export interface KeyringWorld extends AsyncDisposable {
  readonly root: string;
  readonly keys: string;
  readonly identityFile: string;
  /** A recovery identity that the keyring does not know yet. */
  readonly recovery: AgeIdentity;
  readonly logged: readonly string[];
  /** Opens the keyring as another process would. */
  open(): Keyring & KeyringCustody & SealedKeyring;
}

/** The system's clock. */
export const testClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** The system's entropy. */
export const testEntropy: Entropy = {
  bytes: (length) => randomBytes(length),
  id: () => randomBytes(8).toString('hex'),
};

/** Creates an empty root in a temporary directory, which is removed at disposal. */
export async function keyringWorld(): Promise<KeyringWorld> {
  const root = await mkdtemp(join(tmpdir(), 'sftpgw-keyring-'));
  const logged: string[] = [];
  const note = (message: string) => void logged.push(message);
  const log: Logger = { debug: note, info: note, warn: note, error: note, child: () => log };
  const keys = join(root, 'opt/sftpgw/keys');
  const identityFile = join(root, 'var/lib/sftpgw/keyring-identity');
  const lockFile = join(root, 'var/lib/sftpgw/keyring.lock');
  return {
    root,
    keys,
    identityFile,
    recovery: await newAgeIdentity(),
    logged,
    open: () =>
      createKeyring({ directory: keys, identityFile, lockFile, clock: testClock, entropy: testEntropy, log }),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

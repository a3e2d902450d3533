import { createHash } from 'node:crypto';
import type { KeyFiles } from '../model/key-files.js';
import type { Keyring, KeyringCustody } from '../model/keyring.js';
import { type SnapshotSigner, signerOf } from './authenticity.js';
import type { Snapshot } from './snapshot.js';
import {
  findKeyFiles,
  findSnapshotFiles,
  readSnapshotFiles,
  type SnapshotSourceFile,
} from './snapshot-files.js';
import { snapshotPath } from './snapshot-paths.js';

/** The dependencies of `RootContent`. */
export interface RootContentServices {
  readonly root: string;
  readonly keyring: Keyring & KeyringCustody;
  readonly keyFiles: KeyFiles;
}

/** The files below the root at one moment, found without opening them. */
export interface RootState {
  readonly found: readonly SnapshotSourceFile[];
  /** A text that differs after every change of files, keys or recipients. */
  readonly stamps: string;
}

/** The content of a root that belongs in its copy. */
export class RootContent {
  readonly #services: RootContentServices;

  constructor(services: RootContentServices) {
    this.#services = services;
  }

  async state(): Promise<RootState> {
    const { root, keyring } = this.#services;
    const found = await findSnapshotFiles(root);
    const files = found.map((file) => file.stamps);
    const stamps = JSON.stringify([files, await keyring.list(), await keyring.recoveryRecipients()]);
    return { found, stamps: createHash('sha256').update(stamps).digest('hex') };
  }

  /** Reads the snapshot of this state, without time and bucket. */
  async read({ found }: RootState): Promise<Omit<Snapshot, 'takenMs' | 'bucket'>> {
    const { root, keyring, keyFiles } = this.#services;
    const keys = (await keyring.list()).filter(({ state }) => state !== 'destroyed').map(({ id }) => id);
    const inKeyring = new Set(keys);
    const inFiles = await findKeyFiles(root, found, keyFiles);
    return {
      files: await readSnapshotFiles(root, found),
      keyFiles: inFiles.filter(({ key }) => inKeyring.has(key)).map(({ path, key }) => ({ path, key })),
      keys: keys.toSorted(),
    };
  }
}

/** Returns the signers among the files of a snapshot. */
export function signersIn({ files }: Pick<Snapshot, 'files'>): readonly SnapshotSigner[] {
  return files.flatMap(({ path, content }) => {
    const signer = snapshotPath(path)?.kind === 'signer' ? signerOf(content) : null;
    return signer === null ? [] : [signer];
  });
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileDurably, removeFileDurably, secretFileMode } from '../files/durable.js';
import { isAbsence } from '../files/system-errors.js';
import type { KeyringLock } from '../keyring/keyring-lock.js';
import type { Clock } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { createHome, writeBelow } from '../recovery/restore.js';
import { archiveHome } from '../users/homes.js';
import { type UserDirectories, userPaths } from '../users/user-paths.js';
import { isOfKeyring, type ReplicatedFile, replicatedFile } from './replicated-files.js';
import { withMachinePart } from './settings-part.js';

/** Max files that are kept beside one file. */
const maxKept = 99;

/** The dependencies of a `RootWriter`. */
export interface RootWriterServices {
  readonly root: string;
  readonly directories: UserDirectories;
  readonly stateDirectory: string;
  readonly keyringLock: KeyringLock;
  /** The names of the settings that each machine has for itself. */
  readonly machineSettings: readonly string[];
  readonly clock: Clock;
}

/** Writes and removes the shared files below a root, as the commands of the gateway do. */
export class RootWriter {
  readonly #services: RootWriterServices;

  constructor(services: RootWriterServices) {
    this.#services = services;
  }

  /** Writes a file completely or not at all. Throws `denied`, `unavailable` and `over-quota`, naming the file. */
  async write(path: string, content: Buffer): Promise<void> {
    const { kind, username } = requireReplicated(path);
    if (username !== null) await createHome(username, this.#services);
    const whole = kind === 'settings' ? await this.#withMachinePart(path, content) : content;
    await this.#locked(kind, () => writeBelow(this.#services.root, path, whole));
  }

  /**
   * Removes a file. With the settings of a user it moves the home to the removed ones, so that a later user of the same
   * name does not get its files. Throws `unavailable`.
   */
  async remove(path: string): Promise<void> {
    const { kind, username } = requireReplicated(path);
    const { root, directories, clock } = this.#services;
    try {
      if (kind === 'user-settings' && username !== null)
        await archiveHome(userPaths(directories, username), directories, clock.nowMs());
      else if (kind !== 'settings') await this.#locked(kind, () => removeFileDurably(join(root, path)));
    } catch (error) {
      if (isAbsence(error)) return;
      throw error instanceof Fault
        ? error
        : new Fault('unavailable', `${join(root, path)} cannot be removed`, { cause: error });
    }
  }

  /** Keeps a copy of a file as `NAME.conflict` and returns the path of the copy. Throws `unavailable` and `exists`. */
  async keepBeside(path: string, content: Buffer): Promise<string> {
    const { root } = this.#services;
    try {
      for (let number = 1; number <= maxKept; number += 1) {
        const kept = `${path}.conflict${number === 1 ? '' : `-${number}`}`;
        if (await createFileDurably(join(root, kept), content, secretFileMode)) return kept;
      }
    } catch (error) {
      throw new Fault('unavailable', `${join(root, path)}.conflict cannot be written`, { cause: error });
    }
    throw new Fault('exists', `${join(root, path)} has ${maxKept} conflicts: compare and remove them`);
  }

  async #withMachinePart(path: string, shared: Buffer): Promise<Buffer> {
    const { root, machineSettings } = this.#services;
    const local = await readFile(join(root, path), 'utf8').catch((error: unknown) => {
      if (isAbsence(error)) return '';
      throw new Fault('unavailable', `${join(root, path)} cannot be read`, { cause: error });
    });
    return Buffer.from(withMachinePart(shared.toString('utf8'), local, machineSettings));
  }

  async #locked(kind: ReplicatedFile['kind'], work: () => Promise<void>): Promise<void> {
    if (isOfKeyring(kind)) await this.#services.keyringLock.hold(work);
    else await work();
  }
}

/** The database may have any path, but only those of shared files are written. */
function requireReplicated(path: string): ReplicatedFile {
  const file = replicatedFile(path);
  if (file === null) throw new Fault('invalid', `${path} is not a file that nodes share`);
  return file;
}

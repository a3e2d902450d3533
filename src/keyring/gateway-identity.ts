import { dirname } from 'node:path';
import { createFileDurably, ensureDirectory, secretDirectoryMode, secretFileMode } from '../files/durable.js';
import { FileCache } from '../files/file-cache.js';
import { Fault } from '../model/fault.js';
import { type AgeIdentity, newAgeIdentity, parseAgeIdentity } from './age.js';
import { isOpenToOthers, openToOthers, readFault, writeFault } from './disk-fault.js';

interface IdentityFile {
  readonly text: string;
  readonly mode: number;
}

const maxFileBytes = 4096;

/** The identity with which the gateway opens its keys: a file in the format of `age-keygen`. */
export class GatewayIdentity {
  readonly path: string;
  readonly #cache = new FileCache<IdentityFile>(maxFileBytes, ({ bytes, mode }) => ({
    text: bytes.toString('latin1'),
    mode,
  }));
  #parsed: { readonly file: IdentityFile; readonly identity: AgeIdentity } | null = null;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Returns the identity, or null if the file does not exist. Throws `corrupt` for a file without an
   * identity, `denied` or `unavailable`.
   */
  async read(): Promise<AgeIdentity | null> {
    const file = await this.#file();
    if (file === null) return null;
    if (this.#parsed?.file === file) return this.#parsed.identity;
    try {
      const identity = await parseAgeIdentity(file.text);
      this.#parsed = { file, identity };
      return identity;
    } catch (error) {
      throw new Fault(
        'corrupt',
        `${this.path}: invalid gateway identity: ${Fault.from(error).hint}; restore the file from a backup`,
      );
    }
  }

  /** Returns the existing identity, or generates one and returns it after it is durable. */
  async readOrMake(): Promise<AgeIdentity> {
    const existing = await this.read();
    if (existing !== null) return existing;
    const { secret, recipient } = await newAgeIdentity();
    try {
      await ensureDirectory(dirname(this.path), secretDirectoryMode);
      await createFileDurably(this.path, `# public key: ${recipient}\n${secret}\n`, secretFileMode);
    } catch (error) {
      throw writeFault(this.path, error);
    }
    const made = await this.read();
    if (made === null) throw new Fault('unavailable', `${this.path}: it was deleted while being created`);
    return made;
  }

  /** Returns the problem with the file's permissions, or null. */
  async modeProblem(): Promise<string | null> {
    const file = await this.#file();
    return file !== null && isOpenToOthers(file.mode)
      ? openToOthers(this.path, file.mode, 'gateway identity')
      : null;
  }

  async #file(): Promise<IdentityFile | null> {
    try {
      return await this.#cache.read(this.path);
    } catch (error) {
      throw readFault(this.path, error);
    }
  }
}

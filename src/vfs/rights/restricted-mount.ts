import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { formatUploadRights, type UploadRight, type UploadRights } from '../../model/users/upload-rights.js';
import type {
  AttributeChange,
  Attributes,
  DirectoryEntry,
  FileSystemStatistics,
  ReadHandle,
  WriteHandle,
  WriteMode,
} from '../../model/vfs.js';
import { type Mount, shownPath } from '../mount.js';
import { GuardedWriteHandle } from './guarded-write-handle.js';

/** A writable mount, and what the rights depend on. */
export interface RestrictableMount extends Mount {
  /** Returns the directory, or null. Sends no request about a file. */
  statDirectory(call: Call, path: string): Promise<Attributes | null>;
  /** Returns whether a complete file of this name exists. */
  exists(call: Call, path: string): Promise<boolean>;
  /** Returns whether a file of this name is being uploaded, or was uploaded in part. */
  isUploading(call: Call, path: string): Promise<boolean>;
  /** Returns whether this session has stored the file. */
  hasStored(path: string): boolean;
  /** Returns whether the file is complete and appears in S3 once it is renamed. */
  awaitsName(call: Call, path: string): Promise<boolean>;
}

/** Bits of modes, for owner, group and others. */
const readBits = 0o444;
const writeBits = 0o222;

/**
 * A mount with the rights of one user. Refuses what the user has no right to with `denied`, before the mount
 * sends a request to S3. A user without the right to overwrite can still resume their own interrupted uploads,
 * and set the time of a file that their session has stored.
 */
export class RestrictedMount implements Mount {
  readonly point: string;
  readonly isWritable: boolean;
  readonly #files: RestrictableMount;
  readonly #rights: UploadRights;
  readonly #hidden: string | null;

  /** `hidden` is a name at the top that users neither see nor create; null for none. */
  constructor(files: RestrictableMount, rights: UploadRights, hidden: string | null = null) {
    this.point = files.point;
    this.isWritable = files.isWritable;
    this.#files = files;
    this.#rights = rights;
    this.#hidden = hidden;
  }

  /** Without the right to list, finds only directories and the files that this session has stored. */
  async stat(call: Call, path: string): Promise<Attributes | null> {
    if (this.#isReserved(path)) return null;
    const isHidden = !this.#rights.list && !this.#files.hasStored(path);
    const found = await (isHidden ? this.#files.statDirectory(call, path) : this.#files.stat(call, path));
    return found && this.#masked(found);
  }

  lstat(call: Call, path: string): Promise<Attributes | null> {
    return this.stat(call, path);
  }

  async setAttributes(call: Call, path: string, change: AttributeChange): Promise<void> {
    this.#requireVisible(path);
    const { overwrite, create } = this.#rights;
    const changesFile = change.size !== undefined || change.mtimeSeconds !== undefined;
    const isOwn = async () =>
      (change.size === undefined && this.#files.hasStored(path)) ||
      (create && (await this.#files.isUploading(call, path)));
    if (changesFile && !overwrite && !(await isOwn())) {
      // Clients set the times of directories that they have created.
      const isDirectory = path === '/' || (await this.#files.statDirectory(call, path)) !== null;
      if (!isDirectory) this.#demand('overwrite', path);
    }
    await this.#files.setAttributes(call, path, change);
  }

  async *list(call: Call, path: string): AsyncGenerator<readonly DirectoryEntry[]> {
    this.#demand('list', path);
    this.#requireVisible(path);
    for await (const batch of this.#files.list(call, path))
      yield batch
        .filter(({ name }) => path !== '/' || name !== this.#hidden)
        .map(({ name, attributes }) => ({ name, attributes: this.#masked(attributes) }));
  }

  async openRead(call: Call, path: string): Promise<ReadHandle> {
    this.#demand('read', path);
    this.#requireVisible(path);
    return await this.#files.openRead(call, path);
  }

  async openWrite(call: Call, path: string, mode: WriteMode): Promise<WriteHandle> {
    this.#requireFree(path);
    const { create, overwrite } = this.#rights;
    // After a truncation, and in a new file, the handle reads nothing that was stored before.
    if (mode.read && !mode.truncate && !mode.exclusive) this.#demand('read', path);
    if (create && overwrite) return await this.#files.openWrite(call, path, mode);
    if (!create && !overwrite) this.#demand('create', path);
    const check = async (later: Call): Promise<void> => {
      if (await this.#files.exists(later, path)) this.#demand('overwrite', path);
      else this.#demand('create', path);
    };
    await check(call);
    return new GuardedWriteHandle(await this.#files.openWrite(call, path, mode), check);
  }

  async makeDirectory(call: Call, path: string): Promise<void> {
    this.#demand('create', path);
    this.#requireFree(path);
    await this.#files.makeDirectory(call, path);
  }

  async removeDirectory(call: Call, path: string): Promise<void> {
    this.#demand('remove', path);
    this.#requireVisible(path);
    await this.#files.removeDirectory(call, path);
  }

  async remove(call: Call, path: string): Promise<void> {
    this.#demand('remove', path);
    this.#requireVisible(path);
    await this.#files.remove(call, path);
  }

  /** The rename that completes an upload under an excluded name needs only the right to create. */
  async rename(call: Call, from: string, to: string, replace: boolean): Promise<void> {
    this.#demand((await this.#files.awaitsName(call, from)) ? 'create' : 'rename', from);
    this.#requireVisible(from);
    this.#requireFree(to);
    await this.#files.rename(call, from, to, replace && this.#rights.overwrite);
  }

  readLink(call: Call, path: string): Promise<string> {
    return this.#files.readLink(call, path);
  }

  async makeSymlink(call: Call, path: string, target: string): Promise<void> {
    this.#demand('create', path);
    await this.#files.makeSymlink(call, path, target);
  }

  async makeHardLink(call: Call, path: string, existing: string): Promise<void> {
    this.#demand('create', path);
    await this.#files.makeHardLink(call, path, existing);
  }

  statistics(call: Call, path: string): Promise<FileSystemStatistics> {
    return this.#files.statistics(call, path);
  }

  #isReserved(path: string): boolean {
    return this.#hidden !== null && (path === `/${this.#hidden}` || path.startsWith(`/${this.#hidden}/`));
  }

  /** Throws `not-found` for the hidden name. */
  #requireVisible(path: string): void {
    if (!this.#isReserved(path)) return;
    throw new Fault('not-found', `${JSON.stringify(shownPath(this.point, path))} does not exist`);
  }

  /** Throws `denied` for the hidden name, which the gateway uses itself. */
  #requireFree(path: string): void {
    if (!this.#isReserved(path)) return;
    const shown = JSON.stringify(shownPath(this.point, path));
    throw new Fault('denied', `${shown} is reserved: choose another name`);
  }

  /** Throws `denied` if the user does not have the right. */
  #demand(right: UploadRight, path: string): void {
    if (this.#rights[right]) return;
    const shown = JSON.stringify(shownPath(this.point, path));
    const granted = formatUploadRights(this.#rights);
    throw new Fault(
      'denied',
      `no right to ${right} ${shown}: the rights in ${this.point} are ${granted}; ask the administrator (upload.rights)`,
    );
  }

  /** Shows which directories can be listed and changed. */
  #masked(attributes: Attributes): Attributes {
    if (attributes.type !== 'directory') return attributes;
    const { list, create, rename, remove } = this.#rights;
    const writable = create || rename || remove;
    // A directory that can be written to but not listed shows that to all users.
    if (writable) return list ? attributes : { ...attributes, mode: writeBits | 0o111 };
    return { ...attributes, mode: (list ? readBits : 0) | 0o111 };
  }
}

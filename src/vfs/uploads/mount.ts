import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { parentPath } from '../../model/path.js';
import type { UserSettings } from '../../model/users.js';
import type {
  AttributeChange,
  Attributes,
  DirectoryEntry,
  FileSystemStatistics,
  ReadHandle,
  WriteHandle,
  WriteMode,
} from '../../model/vfs.js';
import type { Mount } from '../mount.js';
import { bucketStatistics, directoryAttributes, fileAttributes } from '../objects/attributes.js';
import { ObjectListing } from '../objects/listing.js';
import { ObjectLookup } from '../objects/lookup.js';
import { UploadContext, type UploadMountServices } from './context.js';
import { UploadDirectories } from './directories.js';
import { UploadOpener } from './opening.js';
import { UploadRenamer } from './renaming.js';
import { StoredFiles } from './stored-files.js';

/**
 * `/uploads` of one user. Objects in S3 are files; markers (`name/`) and prefixes are directories.
 *
 * A name that is both an object and a prefix is shown as a directory, in listings and in STAT. Otherwise the
 * files below it could not be reached; some programs also use such objects as directory markers. The object
 * stays accessible: opening for reading, REMOVE and RENAME of the name use it.
 *
 * With `upload.dropbox=yes` it is write-only: clients cannot list, read or remove anything, and STAT finds
 * only directories and the files that this session has stored.
 */
export class UploadsMount implements Mount {
  readonly point: string;
  readonly isWritable = true;
  readonly #context: UploadContext;
  readonly #lookup: ObjectLookup;
  readonly #directories: UploadDirectories;
  readonly #opener: UploadOpener;
  readonly #renamer: UploadRenamer;
  readonly #stored = new StoredFiles();

  constructor(point: string, services: UploadMountServices, settings: UserSettings) {
    this.point = point;
    this.#context = new UploadContext(point, services, settings);
    this.#lookup = new ObjectLookup(this.#context);
    this.#directories = new UploadDirectories(this.#context, this.#lookup);
    this.#opener = new UploadOpener(this.#context, this.#lookup);
    this.#renamer = new UploadRenamer(this.#context, this.#lookup, this.#directories);
  }

  async stat(call: Call, path: string): Promise<Attributes | null> {
    const { services, location, settings } = this.#context;
    const { dropbox } = settings;
    if (path === '/') return directoryAttributes(0, dropbox);
    const { bucket, key } = location.file(path);
    const uploading = dropbox ? null : services.open.find(bucket, key);
    if (uploading !== null) return uploading.attributes();
    const isHidden = dropbox && !this.#stored.has(path);
    const [directory, file] = await Promise.all([
      this.#lookup.directory(call, path),
      isHidden ? null : this.#lookup.file(call, path),
    ]);
    if (directory !== null) return directoryAttributes(directory.mtimeSeconds, dropbox);
    return file && fileAttributes(file.size, file.mtimeSeconds);
  }

  /** Same as `stat`: there are no symbolic links in S3. */
  lstat(call: Call, path: string): Promise<Attributes | null> {
    return this.stat(call, path);
  }

  /**
   * Records a time in the ledger. Mode and owner are ignored without a fault, because many clients send them
   * by default.
   */
  async setAttributes(call: Call, path: string, change: AttributeChange): Promise<void> {
    if (path === '/') return;
    const { services, location } = this.#context;
    const ref = location.file(path);
    const uploading = services.open.find(ref.bucket, ref.key);
    if (uploading !== null) {
      await uploading.setAttributes(call, change);
      return;
    }
    const [directory, file] = await Promise.all([
      this.#lookup.directory(call, path),
      this.#lookup.object(call, path),
    ]);
    if (directory !== null) {
      if (change.size !== undefined)
        throw new Fault('is-directory', `${location.shown(path)} is a directory`);
      return;
    }
    if (file === null) throw new Fault('not-found', `${location.shown(path)} does not exist`);
    if (change.size !== undefined && change.size !== file.size)
      throw new Fault(
        'unsupported',
        `${location.shown(path)} has ${file.size} bytes, and an uploaded file cannot be resized: upload it again`,
      );
    if (change.mtimeSeconds !== undefined)
      await this.#context.setTime(call, path, file.etag, change.mtimeSeconds);
  }

  async *list(call: Call, path: string): AsyncGenerator<readonly DirectoryEntry[]> {
    this.#refuseInDropbox('listed');
    const { services, location } = this.#context;
    const { bucket, key: prefix } = location.directory(path);
    const listing = new ObjectListing(this.#context, path, services.open.below(bucket, prefix));
    yield* listing.batches(call);
    if (!listing.foundNothing || path === '/') return;
    if (services.open.find(bucket, location.file(path).key) !== null)
      throw new Fault('not-directory', `${location.shown(path)} is a file, not a directory`);
    throw await this.#lookup.noDirectory(call, path);
  }

  async openRead(call: Call, path: string): Promise<ReadHandle> {
    this.#refuseInDropbox('read');
    return this.#opener.read(call, path);
  }

  async openWrite(call: Call, path: string, mode: WriteMode): Promise<WriteHandle> {
    if (mode.read && !mode.truncate && !mode.exclusive) this.#refuseInDropbox('read');
    return await this.#opener.write(call, path, mode, () => this.#stored.add(path));
  }

  makeDirectory(call: Call, path: string): Promise<void> {
    return this.#directories.make(call, path);
  }

  async removeDirectory(call: Call, path: string): Promise<void> {
    this.#refuseInDropbox('removed');
    await this.#directories.remove(call, path);
  }

  async remove(call: Call, path: string): Promise<void> {
    this.#refuseInDropbox('removed');
    const { services, location, actor } = this.#context;
    const ref = location.file(path);
    const wasParked = await services.parkedFiles.abort(call, ref);
    if ((await this.#lookup.object(call, path)) === null) {
      if (wasParked) return;
      throw this.#context.uploadConflict(path, 'removed') ?? (await this.#lookup.noFile(call, path));
    }
    await this.#directories.preserve(call, parentPath(path), ref.key);
    await services.vault.remove(call, ref, actor);
  }

  async rename(call: Call, from: string, to: string, replace: boolean): Promise<void> {
    await this.#renamer.rename(call, from, to, replace);
    this.#stored.rename(from, to);
  }

  async readLink(_call: Call, path: string): Promise<string> {
    throw new Fault('invalid', `${this.#context.location.shown(path)} is not a symbolic link`);
  }

  async makeSymlink(): Promise<void> {
    throw new Fault('unsupported', `there are no symbolic links in S3: create them under /local`);
  }

  async makeHardLink(): Promise<void> {
    throw new Fault('unsupported', 'there are no hard links in S3: create them under /local');
  }

  async statistics(): Promise<FileSystemStatistics> {
    return bucketStatistics;
  }

  #refuseInDropbox(what: string): void {
    if (!this.#context.settings.dropbox) return;
    throw new Fault('denied', `${this.point} is write-only: files can be uploaded there, but not ${what}`);
  }
}

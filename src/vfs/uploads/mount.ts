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
import { bucketStatistics } from '../objects/attributes.js';
import { ObjectListing } from '../objects/listing.js';
import { ObjectLookup } from '../objects/lookup.js';
import type { RestrictableMount } from '../rights/restricted-mount.js';
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
 */
export class UploadsMount implements RestrictableMount {
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
    const { services, location } = this.#context;
    const { bucket, key } = location.file(path);
    // A client that resumes asks for the size first.
    await services.parkedFiles.refresh(call, this.#context.uploadName(path), true);
    const uploading = services.open.find(bucket, key);
    return uploading === null ? await this.#lookup.attributes(call, path) : uploading.attributes();
  }

  async statDirectory(call: Call, path: string): Promise<Attributes | null> {
    // Also refuses a name that is too long.
    return await this.#lookup.directoryAttributes(call, path);
  }

  async exists(call: Call, path: string): Promise<boolean> {
    return (await this.#lookup.object(call, path)) !== null;
  }

  async isUploading(call: Call, path: string): Promise<boolean> {
    const { services, location } = this.#context;
    const { bucket, key } = location.file(path);
    await services.parkedFiles.refresh(call, this.#context.uploadName(path));
    return services.open.find(bucket, key) !== null;
  }

  hasStored(path: string): boolean {
    return this.#stored.has(path);
  }

  async awaitsName(call: Call, path: string): Promise<boolean> {
    const { services, location } = this.#context;
    await services.parkedFiles.refresh(call, this.#context.uploadName(path));
    return services.parkedFiles.held(location.file(path)) !== null;
  }

  /** Same as `stat`: there are no symbolic links in S3. */
  lstat(call: Call, path: string): Promise<Attributes | null> {
    return this.stat(call, path);
  }

  /**
   * Records a time in the ledger, and stores the file again with another size. Mode and owner are ignored without a fault, because many clients send them
   * by default.
   */
  async setAttributes(call: Call, path: string, change: AttributeChange): Promise<void> {
    if (path === '/') return;
    const { services, location } = this.#context;
    await this.#ready(call, path);
    const ref = location.file(path);
    const uploading = services.open.find(ref.bucket, ref.key);
    // A size that is set by name counts for the stored file at once, unless this session itself has it open.
    const isForStored =
      uploading?.keepsObject === true && uploading.session !== this.#context && change.size !== undefined;
    if (uploading !== null && !isForStored) {
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
    if (change.size !== undefined && change.size !== file.size) {
      // A user without the right to read must not learn the rest of a file by changing it.
      if (!this.#context.settings.uploadRights.read)
        throw new Fault('denied', `${location.shown(path)} cannot be resized without the right to read`);
      await this.#opener.resize(call, path, file, change);
      return;
    }
    if (change.mtimeSeconds !== undefined)
      await this.#context.setTime(call, path, file.etag, change.mtimeSeconds);
  }

  async *list(call: Call, path: string): AsyncGenerator<readonly DirectoryEntry[]> {
    const { services, location } = this.#context;
    const { bucket, key: prefix } = location.directory(path);
    await services.parkedFiles.refreshBelow(bucket, prefix);
    const listing = new ObjectListing(this.#context, path, services.open.below(bucket, prefix));
    yield* listing.batches(call);
    if (!listing.foundNothing || path === '/') return;
    if (services.open.find(bucket, location.file(path).key) !== null)
      throw new Fault('not-directory', `${location.shown(path)} is a file, not a directory`);
    throw await this.#lookup.noDirectory(call, path);
  }

  async openRead(call: Call, path: string): Promise<ReadHandle> {
    await this.#closed(call, path);
    return this.#opener.read(call, path);
  }

  async openWrite(call: Call, path: string, mode: WriteMode): Promise<WriteHandle> {
    await this.#ready(call, path, !mode.truncate && !mode.exclusive);
    return await this.#opener.write(call, path, mode, () => this.#stored.add(path));
  }

  /** Waits for a CLOSE of the file that is in progress, which another session may have sent too. */
  async #closed(call: Call, path: string): Promise<void> {
    const { services, location } = this.#context;
    await services.open.closed(call, location.file(path));
  }

  /** Does the same, and shows the upload that is parked under the name, see `ParkedFiles.refresh`. */
  async #ready(call: Call, path: string, mayRelease = false): Promise<void> {
    await this.#closed(call, path);
    await this.#context.services.parkedFiles.refresh(call, this.#context.uploadName(path), mayRelease);
  }

  /** Hides the uploads below a directory that other nodes have resumed, which would keep it from being changed. */
  async #hideResumed(path: string): Promise<void> {
    const { services, location } = this.#context;
    const { bucket, key } = location.directory(path);
    await services.parkedFiles.hideResumed(bucket, key);
  }

  makeDirectory(call: Call, path: string): Promise<void> {
    return this.#directories.make(call, path);
  }

  async removeDirectory(call: Call, path: string): Promise<void> {
    await this.#hideResumed(path);
    await this.#directories.remove(call, path);
  }

  async remove(call: Call, path: string): Promise<void> {
    const { services, location, actor } = this.#context;
    await this.#ready(call, path);
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
    await Promise.all([this.#ready(call, from), this.#ready(call, to), this.#hideResumed(from)]);
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
}

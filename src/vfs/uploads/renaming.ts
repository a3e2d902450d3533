import type { Call } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { type ParkedUpload, parkedBytes } from '../../model/parked-uploads.js';
import { parentPath } from '../../model/path.js';
import type { UploadTarget } from '../../vault/vault.js';
import type { FoundDirectory, ObjectLookup } from '../objects/lookup.js';
import type { UploadContext } from './context.js';
import type { UploadDirectories } from './directories.js';
import { TreeMove } from './tree-move.js';

/** The name that a rename would take. */
interface RenameTarget extends Pick<FoundDirectory, 'isEmpty' | 'marker'> {
  readonly kind: 'file' | 'directory' | null;
}

/**
 * Renames inside `/uploads`: copies objects within S3 with the user's current encryption, then removes the
 * originals.
 */
export class UploadRenamer {
  readonly #context: UploadContext;
  readonly #lookup: ObjectLookup;
  readonly #directories: UploadDirectories;

  constructor(context: UploadContext, lookup: ObjectLookup, directories: UploadDirectories) {
    this.#context = context;
    this.#lookup = lookup;
    this.#directories = directories;
  }

  /**
   * Renames a file or a directory. A name that is both is treated as the file, so that users can resolve the
   * clash. Throws `not-found`, `exists`, `is-directory`, `not-directory`, `not-empty`, `conflict` (still
   * being uploaded), and for a directory with content the faults of `TreeMove`.
   */
  async rename(call: Call, from: string, to: string, replace: boolean): Promise<void> {
    const { location, services } = this.#context;
    location.file(from);
    location.file(to);
    const held = services.parkedFiles.held(location.file(from));
    if (held !== null) {
      await this.#complete(call, from, to, replace, held);
      return;
    }
    const [file, directory] = await Promise.all([
      this.#lookup.object(call, from),
      this.#lookup.directory(call, from),
      this.#lookup.requireDirectory(call, parentPath(to)),
    ]);
    if (file === null && directory === null) {
      throw (
        this.#context.uploadConflict(from, 'renamed') ??
        new Fault('not-found', `${location.shown(from)} does not exist`)
      );
    }
    if (from === to) {
      if (replace) return;
      throw new Fault('exists', `${location.shown(to)} exists already`);
    }
    if (file !== null) await this.#renameFile(call, from, to, replace);
    else if (directory !== null) await this.#renameDirectory(call, from, to, replace, directory);
  }

  async #renameFile(call: Call, from: string, to: string, replace: boolean): Promise<void> {
    const { location, services } = this.#context;
    const source = location.file(from);
    const target = await this.#at(call, to);
    if (!replace && target.kind !== null)
      throw new Fault('exists', `${location.shown(to)} exists already: remove it first`);
    if (target.kind === 'directory') throw new Fault('is-directory', `${location.shown(to)} is a directory`);
    await this.#directories.preserve(call, parentPath(from), source.key);
    // Without a time for the target, the vault keeps that of the source.
    const wanted = await this.#context.target(call, location.file(to), null);
    const moved = await this.#move(call, source, wanted, to, replace);
    if (!moved) throw new Fault('not-found', `${location.shown(from)} no longer exists`);
    await services.parkedFiles.abort(call, wanted.ref);
  }

  /**
   * Creates the object of a complete upload under an excluded name. An upload is bound to the final name that
   * its client announced: for another one, the object is created there and moved.
   */
  async #complete(
    call: Call,
    from: string,
    to: string,
    replace: boolean,
    { ref: announced }: ParkedUpload,
  ): Promise<void> {
    const { location, services } = this.#context;
    const wanted = location.file(to);
    const isAnnounced = wanted.key === announced.key;
    await this.#lookup.requireDirectory(call, parentPath(to));
    if (from === to && replace) return;
    const target = await this.#at(call, to);
    if (from === to || (!replace && target.kind !== null))
      throw new Fault('exists', `${location.shown(to)} exists already: remove it first`);
    if (target.kind === 'directory') throw new Fault('is-directory', `${location.shown(to)} is a directory`);
    if (!isAnnounced) await this.#requireFree(call, from, to, announced.key);
    const upload = services.parkedFiles.claim(location.file(from));
    if (upload === null) throw new Fault('not-found', `${location.shown(from)} no longer exists`);
    try {
      const stored = await this.#context.target(call, announced, upload.mtimeSeconds);
      await services.vault.completeParked(call, upload, stored);
      call.note?.({ size: parkedBytes(upload), outcome: 'stored' });
    } catch (error) {
      await services.parkedFiles.park(call, upload);
      throw error;
    }
    if (!isAnnounced) {
      const moved = await this.#context.target(call, wanted, null);
      await this.#move(call, announced, moved, to, replace);
      // The version is that of the announced name.
      call.note?.({ versionId: null });
    }
    await services.parkedFiles.abort(call, wanted);
  }

  /**
   * Moves an object. Without `replace`, throws `exists` if another client has written to the target since it was
   * looked up. Returns false if there is no source.
   */
  async #move(
    call: Call,
    from: ObjectRef,
    target: UploadTarget,
    to: string,
    replace: boolean,
  ): Promise<boolean> {
    const { location, services } = this.#context;
    const wanted = replace ? target : { ...target, onlyIfAbsent: true };
    try {
      return await services.vault.move(call, from, await this.#context.keys(call), wanted);
    } catch (error) {
      if (replace || !isFault(error, 'exists')) throw error;
      throw new Fault('exists', `${location.shown(to)} exists already: remove it first`, { cause: error });
    }
  }

  /** Throws unless an object can be created under the announced name and moved to the wanted one. */
  async #requireFree(call: Call, from: string, to: string, announcedKey: string): Promise<void> {
    const { location, excluded, services } = this.#context;
    const announced = `/${announcedKey.slice(location.prefix.length)}`;
    if (excluded.finalPath(to) !== null)
      throw new Fault('unsupported', `${location.shown(from)} can only be renamed to a final name`);
    const isTaken = (await this.#at(call, announced)).kind !== null;
    const isUploading = services.open.find(location.bucket, announcedKey) !== null;
    if (isTaken || isUploading)
      throw new Fault(
        'unsupported',
        `${location.shown(from)} can only be renamed to ${location.shown(announced)}, or after that file is removed: S3 keeps its bytes under that name`,
      );
  }

  async #renameDirectory(
    call: Call,
    from: string,
    to: string,
    replace: boolean,
    found: FoundDirectory,
  ): Promise<void> {
    const { location, services } = this.#context;
    const source = location.directory(from);
    if (to.startsWith(`${from}/`))
      throw new Fault('invalid', `${location.shown(from)} cannot be moved into itself`);
    if (services.open.anyBelow(source.bucket, source.key))
      throw new Fault(
        'conflict',
        `${location.shown(from)} has uploads in progress: rename it once they are complete`,
      );
    const target = await this.#at(call, to);
    if (!replace && target.kind !== null) throw new Fault('exists', `${location.shown(to)} exists already`);
    if (target.kind === 'file') throw new Fault('not-directory', `${location.shown(to)} is a file`);
    const below = location.directory(to);
    if (target.kind === 'directory' && (!target.isEmpty || services.open.anyBelow(below.bucket, below.key)))
      throw new Fault('not-empty', `${location.shown(to)} is not empty`);
    if (!found.isEmpty) {
      await new TreeMove(this.#context, this.#directories, from, to, target.marker).run(call);
      return;
    }
    // Created again instead of moved: an empty marker may be encrypted with a key that no longer exists.
    if (target.marker === null) await this.#directories.putMarker(call, to);
    await this.#directories.remove(call, from);
  }

  async #at(call: Call, path: string): Promise<RenameTarget> {
    const { services, location } = this.#context;
    const [file, directory] = await Promise.all([
      this.#lookup.object(call, path),
      this.#lookup.directory(call, path),
    ]);
    if (directory !== null) return { kind: 'directory', ...directory };
    const { bucket, key } = location.file(path);
    const isThere = file !== null || services.open.find(bucket, key) !== null;
    return { kind: isThere ? 'file' : null, isEmpty: true, marker: null };
  }
}

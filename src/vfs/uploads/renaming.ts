import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { parentPath } from '../../model/path.js';
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
    const { location } = this.#context;
    location.file(from);
    location.file(to);
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
    const moved = await services.vault.move(call, source, await this.#context.keys(call), wanted);
    if (!moved) throw new Fault('not-found', `${location.shown(from)} no longer exists`);
    await services.parkedFiles.abort(call, wanted.ref);
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
    if (target.kind === 'directory' && !target.isEmpty)
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

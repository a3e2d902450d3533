import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ObjectRef, WrittenObject } from '../../model/object-store.js';
import { parentPath } from '../../model/path.js';
import type { ObjectLookup } from '../objects/lookup.js';
import type { UploadContext } from './context.js';

/** Directories in S3: the objects `name/` of no bytes that stand for them. */
export class UploadDirectories {
  readonly #context: UploadContext;
  readonly #lookup: ObjectLookup;

  constructor(context: UploadContext, lookup: ObjectLookup) {
    this.#context = context;
    this.#lookup = lookup;
  }

  async make(call: Call, path: string): Promise<void> {
    const { services, location } = this.#context;
    const { bucket, key } = location.file(path);
    location.newDirectory(path);
    const [directory, file] = await Promise.all([
      this.#lookup.directory(call, path),
      this.#lookup.object(call, path),
      this.#lookup.requireDirectory(call, parentPath(path)),
    ]);
    if (directory !== null || file !== null || services.open.find(bucket, key) !== null)
      throw new Fault('exists', `${location.shown(path)} exists already`);
    await this.putMarker(call, path);
  }

  async remove(call: Call, path: string): Promise<void> {
    const { services, location } = this.#context;
    const ref = location.directory(path);
    const found = await this.#lookup.directory(call, path);
    if (found === null) throw await this.#lookup.noDirectory(call, path);
    if (!found.isEmpty || services.open.anyBelow(ref.bucket, ref.key))
      throw new Fault(
        'not-empty',
        `${location.shown(path)} is not empty (objects whose names SFTP cannot show count too)`,
      );
    await this.keep(call, parentPath(path), ref.key);
    await services.vault.remove(call, ref, this.#context.actor);
    services.known.forget(ref.bucket, ref.key);
  }

  /** The marker rests under the user's encryption like everything else, because bucket policies may demand it of every write. */
  async putMarker(call: Call, path: string): Promise<void> {
    const ref = this.#context.location.newDirectory(path);
    await this.putMarkerAt(call, ref);
    this.#context.services.known.learn(ref.bucket, ref.key, true);
  }

  async putMarkerAt(call: Call, ref: ObjectRef): Promise<WrittenObject> {
    const target = await this.#context.target(call, ref, null);
    await using writer = await this.#context.services.vault.openUpload(call, target);
    return await writer.commit(call);
  }

  /**
   * Called before the object `leaving`, or all below it if it ends with `/`, goes from a directory. A directory that is only a prefix would vanish with its last
   * object, and with it the current directory of a client that does `rm *` and uploads anew; it gets its marker first.
   * Costs one list request per removal from a directory without a marker, none where the marker is known.
   * Never fails: losing an empty directory is less than not being able to remove a file.
   */
  async keep(call: Call, path: string, leaving: string): Promise<void> {
    if (path === '/') return;
    const { services, location } = this.#context;
    const { bucket, key } = location.directory(path);
    if (services.known.hasMarker(bucket, key)) return;
    try {
      const page = await services.store.list(call, { bucket, prefix: key, delimiter: null, maxKeys: 2 });
      const hasMarker = page.objects.some((object) => object.key === key);
      if (hasMarker) services.known.learn(bucket, key, true);
      else if (page.objects.every(({ key: each }) => goes(each, leaving))) await this.putMarker(call, path);
    } catch (thrown) {
      call.log.warn('an empty directory could not be kept', {
        path: location.shown(path),
        error: Fault.from(thrown),
      });
    }
  }
}

/** Of a directory that goes only the first objects are looked at: a marker that was not needed does no harm. */
function goes(key: string, leaving: string): boolean {
  return leaving.endsWith('/') ? key.startsWith(leaving) : key === leaving;
}

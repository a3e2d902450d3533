import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ObjectRef, WrittenObject } from '../../model/object-store.js';
import { parentPath } from '../../model/path.js';
import type { ObjectLookup } from '../objects/lookup.js';
import type { UploadContext } from './context.js';

/**
 * Creates and removes directories in S3. The gateway marks a directory by an empty object `name/`. Other
 * clients may store bytes in such an object; they are data, and no operation on the directory loses them.
 */
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
    if (found.marker !== null && found.marker.size > 0)
      throw new Fault(
        'not-empty',
        `${location.shown(path)} is not empty: another client stored ${found.marker.size} bytes in the object of its name`,
      );
    if (!found.isEmpty || services.open.anyBelow(ref.bucket, ref.key))
      throw new Fault(
        'not-empty',
        `${location.shown(path)} is not empty (objects that SFTP cannot show count too)`,
      );
    await this.preserve(call, parentPath(path), ref.key);
    // Only the marker that was found: another client may have stored bytes in it meanwhile.
    await services.vault.remove(call, ref, this.#context.actor, found.marker?.etag);
    services.directoryCache.forget(ref.bucket, ref.key);
  }

  /**
   * Writes a directory's marker. It has the user's encryption like every object, because bucket policies may
   * require it of every write.
   */
  async putMarker(call: Call, path: string): Promise<void> {
    const ref = this.#context.location.newDirectory(path);
    await this.putMarkerAt(call, ref);
    this.#context.services.directoryCache.add(ref.bucket, ref.key, true);
  }

  async putMarkerAt(call: Call, ref: ObjectRef): Promise<WrittenObject> {
    const target = await this.#context.target(call, ref, null);
    await using writer = await this.#context.services.vault.openUpload(call, target);
    return await writer.commit(call);
  }

  /**
   * Writes the marker of a directory that would become empty. Called before the object `leaving` is removed
   * from it, or everything below `leaving` if that ends with `/`. A directory without a marker disappears
   * with its last object, even if it is the current directory of a client that runs `rm *` and uploads again.
   * Costs one list request per removal from a directory without a known marker. Never fails, because an empty
   * directory matters less than the removal of a file.
   */
  async preserve(call: Call, path: string, leaving: string): Promise<void> {
    if (path === '/') return;
    const { services, location } = this.#context;
    const { bucket, key } = location.directory(path);
    if (services.directoryCache.hasMarker(bucket, key)) return;
    try {
      const page = await services.store.list(call, { bucket, prefix: key, delimiter: '/', maxKeys: 2 });
      const hasMarker = page.objects.some((object) => object.key === key);
      if (hasMarker) services.directoryCache.add(bucket, key, true);
      else if (
        [...page.objects.map(({ key: each }) => each), ...page.prefixes].every((each) => goes(each, leaving))
      )
        await this.putMarker(call, path);
    } catch (thrown) {
      call.log.warn('could not keep an empty directory', {
        path: location.shown(path),
        error: Fault.from(thrown),
      });
    }
  }
}

/** Returns whether the object or the directory is removed with `leaving`. */
function goes(key: string, leaving: string): boolean {
  return leaving.endsWith('/') ? key.startsWith(leaving) : key === leaving;
}

import type { Call } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import { findListed } from '../../model/list-pages.js';
import { isSameEtag, type ListedObject } from '../../model/object-store.js';
import type { Attributes } from '../../model/vfs.js';
import { directoryAttributes, fileAttributes } from './attributes.js';
import { directoryOf } from './listed-names.js';
import { fitsKeyLimit } from './location.js';
import { NameFinder } from './name-finder.js';
import type { ObjectPrefix } from './prefix.js';

/** Properties of a file in S3. */
export interface FoundFile {
  readonly size: number;
  readonly mtimeSeconds: number;
}

/** Properties of a directory in S3. */
export interface FoundDirectory {
  /** Time of the marker, 0 if there is none. */
  readonly mtimeSeconds: number;
  /** Whether it contains nothing except an empty marker, so that removing the marker loses no data. */
  readonly isEmpty: boolean;
  /** The object `name/`, or null if the directory is only a prefix. Other clients may store bytes in it. */
  readonly marker: ListedObject | null;
}

/** Finds files and directories in S3 by path. */
export class ObjectLookup {
  readonly #objects: ObjectPrefix;
  readonly #names: NameFinder;
  readonly #sinceMs: number;

  /** For one session, which begins now: it uses no listing from before. */
  constructor(objects: ObjectPrefix) {
    this.#objects = objects;
    this.#sinceMs = objects.services.listedNames.nowMs;
    this.#names = new NameFinder(objects.services, this.#sinceMs);
  }

  /**
   * Returns the attributes of a file or a directory, or null. A name that is both is a directory. Another
   * client's change may be unknown for the time that listings are remembered.
   */
  async attributes(call: Call, path: string): Promise<Attributes | null> {
    if (path === '/') return directoryAttributes(0);
    const { services, location } = this.#objects;
    const ref = location.file(path);
    const marker = location.directory(path);
    if (services.directoryCache.exists(marker.bucket, marker.key)) {
      const directory = await this.directoryAttributes(call, path);
      if (directory !== null) return directory;
    }
    const found = await this.#names.find(call, ref);
    const directory = found.isDirectory ? await this.directoryAttributes(call, path) : null;
    if (directory !== null || found.object === null) return directory;
    const file = (await this.#recorded(found.object)) ?? (await this.file(call, path));
    return file && fileAttributes(file.size, file.mtimeSeconds);
  }

  /** Returns the attributes of a directory, or null. Sends no request about a file. */
  async directoryAttributes(call: Call, path: string): Promise<Attributes | null> {
    if (path === '/') return directoryAttributes(0);
    const { services, location } = this.#objects;
    const isDirectory = services.listedNames.isDirectory(location.file(path), this.#sinceMs);
    if (isDirectory === false) return null;
    const marker = services.listedNames.object(location.directory(path), this.#sinceMs);
    if (isDirectory === true && marker !== undefined) return directoryAttributes(markerSeconds(marker));
    const directory = await this.directory(call, path);
    return directory && directoryAttributes(directory.mtimeSeconds);
  }

  /** Returns size and time of a listed object that the ledger describes, or null if it does not. */
  async #recorded(object: ListedObject): Promise<FoundFile | null> {
    const { services, location, ledgerHasTimes } = this.#objects;
    const { key, size } = object;
    const rows = await services.ledger.confirmedBelow(location.bucket, directoryOf(key), {
      first: key,
      last: key,
    });
    const row = rows.get(key);
    // A listing has no checksum. A size that the ledger does not confirm is asked for again.
    if (row === undefined || !isSameEtag(row.etag, object.etag) || row.size !== size) return null;
    if (row.mtimeSeconds === null && !ledgerHasTimes) return null;
    return { size, mtimeSeconds: row.mtimeSeconds ?? Math.floor(object.lastModifiedMs / 1000) };
  }

  /** Returns size and time of a file, or null. An object that no key opens has both from the listing. */
  async file(call: Call, path: string): Promise<FoundFile | null> {
    if (path === '/') return null;
    const { services, location } = this.#objects;
    const ref = location.file(path);
    try {
      const description = await services.vault.describe(call, ref, await this.#objects.keys(call));
      return description && { size: description.info.size, mtimeSeconds: description.mtimeSeconds };
    } catch (error) {
      if (!isFault(error, 'key-missing', 'key-mismatch')) throw error;
      const listed = await this.object(call, path);
      return listed && { size: listed.size, mtimeSeconds: Math.floor(listed.lastModifiedMs / 1000) };
    }
  }

  /** Returns the object with exactly this name, whatever it is encrypted with, or null. */
  async object(call: Call, path: string): Promise<ListedObject | null> {
    const { services, location } = this.#objects;
    return await findListed(services.store, call, location.file(path));
  }

  /**
   * Returns the directory, or null. A directory is a marker or a prefix of other names; the mount point
   * always is one.
   */
  async directory(call: Call, path: string): Promise<FoundDirectory | null> {
    const { services, location } = this.#objects;
    const { bucket, key } = location.directory(path);
    if (!fitsKeyLimit(key)) return null;
    const page = await services.store.list(call, { bucket, prefix: key, delimiter: '/', maxKeys: 2 });
    const marker = page.objects.find((object) => object.key === key) ?? null;
    if (page.objects.length + page.prefixes.length === 0 && path !== '/') {
      services.directoryCache.addAbsent(bucket, key);
      return null;
    }
    services.directoryCache.add(bucket, key, marker !== null);
    return {
      mtimeSeconds: markerSeconds(marker),
      isEmpty:
        page.prefixes.length === 0 && page.objects.every((object) => object.key === key && object.size === 0),
      marker,
    };
  }

  /**
   * Returns whether the path is a directory. A name that was absent a moment ago counts as absent; one that was
   * a directory does not count as one.
   */
  async isLikelyDirectory(call: Call, path: string): Promise<boolean> {
    const { services, location } = this.#objects;
    const { bucket, key } = location.directory(path);
    if (services.directoryCache.isKnownAbsent(bucket, key)) return false;
    const ref = location.file(path);
    if (services.listedNames.isDirectory(ref, this.#sinceMs) === false) return false;
    const { isDirectory } = await this.#names.find(call, ref);
    return isDirectory && (await this.directory(call, path)) !== null;
  }

  /** Throws `not-found` or `not-directory` unless the path is a directory, or was one a moment ago. */
  async requireDirectory(call: Call, path: string): Promise<void> {
    if (path === '/') return;
    const { services, location } = this.#objects;
    const { bucket, key } = location.directory(path);
    if (services.directoryCache.exists(bucket, key)) return;
    if ((await this.directory(call, path)) !== null) return;
    if ((await this.object(call, path)) !== null)
      throw new Fault('not-directory', `${location.shown(path)} is a file, not a directory`);
    throw new Fault(
      'not-found',
      `the directory ${location.shown(path)} does not exist: create it first (mkdir)`,
    );
  }

  /** Returns the fault that explains why there is no file: `is-directory` or `not-found`. */
  async noFile(call: Call, path: string): Promise<Fault> {
    const { location } = this.#objects;
    if (path === '/' || (await this.directory(call, path)) !== null)
      return new Fault('is-directory', `${location.shown(path)} is a directory`);
    return new Fault('not-found', `${location.shown(path)} does not exist`);
  }

  /** Returns the fault that explains why there is no directory: `not-directory` or `not-found`. */
  async noDirectory(call: Call, path: string): Promise<Fault> {
    const { location } = this.#objects;
    if ((await this.object(call, path)) !== null)
      return new Fault('not-directory', `${location.shown(path)} is a file, not a directory`);
    return new Fault('not-found', `${location.shown(path)} does not exist`);
  }
}

/** Returns the time of a directory's marker in seconds since the epoch, 0 if there is none. */
function markerSeconds(marker: ListedObject | null): number {
  return marker === null ? 0 : Math.floor(marker.lastModifiedMs / 1000);
}

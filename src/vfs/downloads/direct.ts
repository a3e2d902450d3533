import type { Call } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { UserDirectory, UserSettings } from '../../model/users.js';
import type { Attributes, DirectoryEntry, FileSystemStatistics, ReadHandle } from '../../model/vfs.js';
import { bucketStatistics } from '../objects/attributes.js';
import { ObjectListing } from '../objects/listing.js';
import { ObjectLocation } from '../objects/location.js';
import { ObjectLookup } from '../objects/lookup.js';
import type { ObjectLookupServices, ObjectPrefix } from '../objects/prefix.js';
import { ObjectReadHandle } from '../objects/read-handle.js';
import type { FileRemoval, ReadableFiles } from '../read-only.js';

/** Services that direct downloads need. */
export interface DirectServices extends ObjectLookupServices {
  readonly users: Pick<UserDirectory, 'downloadKeys'>;
}

/** Read-only permissions. */
const modeMask = 0o555;

/**
 * The downloads of one user, read from S3 at each request (`downloads.mode=direct`). Files are decrypted
 * while they are sent and never stored on disk. A name that is both an object and a prefix is shown as in
 * `/uploads`.
 */
export class DirectFiles implements ReadableFiles, FileRemoval, ObjectPrefix {
  readonly services: DirectServices;
  readonly location: ObjectLocation;
  /** Rows of objects that the mirror has read have none. */
  readonly ledgerHasTimes = false;
  readonly #settings: UserSettings;
  readonly #lookup: ObjectLookup;

  constructor(point: string, services: DirectServices, settings: UserSettings) {
    this.services = services;
    this.location = new ObjectLocation(point, settings.uploadBucket, settings.downloadsPrefix);
    this.#settings = settings;
    this.#lookup = new ObjectLookup(this);
  }

  keys(call: Call): Promise<readonly CustomerKey[]> {
    return this.services.users.downloadKeys(call, this.#settings.username);
  }

  async stat(call: Call, path: string): Promise<Attributes | null> {
    const found = await this.#lookup.attributes(call, path);
    return found && masked(found);
  }

  /** Same as `stat`: there are no symbolic links in S3. */
  lstat(call: Call, path: string): Promise<Attributes | null> {
    return this.stat(call, path);
  }

  async *list(call: Call, path: string): AsyncGenerator<readonly DirectoryEntry[]> {
    const listing = new ObjectListing(this, path);
    for await (const entries of listing.batches(call)) {
      yield entries.map(({ name, attributes }) => ({ name, attributes: masked(attributes) }));
    }
    if (listing.foundNothing && path !== '/') throw await this.#lookup.noDirectory(call, path);
  }

  async openRead(call: Call, path: string): Promise<ReadHandle> {
    const { services, location } = this;
    const reader = await services.vault.openReader(call, location.file(path), await this.keys(call));
    if (reader === null) throw await this.#lookup.noFile(call, path);
    return new ObjectReadHandle(reader, modeMask);
  }

  /** Removes the current object, whichever version the client has seen. Needs no key. */
  async remove(call: Call, path: string): Promise<void> {
    if ((await this.#lookup.object(call, path)) === null) throw await this.#lookup.noFile(call, path);
    await this.services.vault.remove(call, this.location.file(path), this.#settings.username);
  }

  async readLink(_call: Call, path: string): Promise<string> {
    throw new Fault('invalid', `${this.location.shown(path)} is not a symbolic link`);
  }

  async statistics(): Promise<FileSystemStatistics> {
    return bucketStatistics;
  }
}

function masked(attributes: Attributes): Attributes {
  return { ...attributes, mode: attributes.mode & modeMask };
}

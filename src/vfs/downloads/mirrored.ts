import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { MirrorRemoval } from '../../model/mirror.js';
import type { Username } from '../../model/users.js';
import { downloadsMirrorName } from '../../users/mirror-sources.js';
import { shownPath } from '../mount.js';
import type { FileRemoval, ReadableFiles } from '../read-only.js';

/** Removes mirrored downloads of one user: first the object, then the copy on disk. */
export class MirroredRemoval implements FileRemoval {
  readonly #point: string;
  readonly #files: ReadableFiles;
  readonly #mirror: MirrorRemoval;
  readonly #username: Username;

  constructor(point: string, files: ReadableFiles, mirror: MirrorRemoval, username: Username) {
    this.#point = point;
    this.#files = files;
    this.#mirror = mirror;
    this.#username = username;
  }

  async remove(call: Call, path: string): Promise<void> {
    const shown = JSON.stringify(shownPath(this.#point, path));
    const found = await this.#files.lstat(call, path);
    if (found === null) throw new Fault('not-found', `${shown} does not exist`);
    if (found.type === 'directory') throw new Fault('is-directory', `${shown} is a directory`);
    await this.#mirror.removeFile(call, downloadsMirrorName(this.#username), path.slice(1), this.#username);
  }
}

import type { MirrorRemoval } from '../../model/mirror.js';
import type { UserSettings } from '../../model/users.js';
import { DiskFiles } from '../disk/files.js';
import type { Mount } from '../mount.js';
import { ReadOnlyMount } from '../read-only.js';
import { DirectFiles, type DirectServices } from './direct.js';
import { MirroredRemoval } from './mirrored.js';

/** Services that `/downloads` needs in any mode. */
export interface DownloadServices extends DirectServices {
  readonly mirror: MirrorRemoval;
}

const point = '/downloads';

/** Returns `/downloads` of one user according to `downloads.mode` and `downloads.delete`. */
export function downloadsMount(services: DownloadServices, settings: UserSettings): Mount {
  const { username, downloadsMode, downloadsDelete, downloadsDirectory } = settings;
  if (downloadsMode === 'direct') {
    const files = new DirectFiles(point, services, settings);
    return new ReadOnlyMount(point, files, downloadsDelete ? files : null);
  }
  const files = new DiskFiles(point, downloadsDirectory);
  const removal = downloadsDelete ? new MirroredRemoval(point, files, services.mirror, username) : null;
  return new ReadOnlyMount(point, files, removal);
}

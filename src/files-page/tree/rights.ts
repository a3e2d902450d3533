import type { UploadRight } from '../../model/users/upload-rights.js';
import { uploadRightNames } from '../../model/users/upload-rights.js';
import type { UserSettings } from '../../model/users.js';

/** A directory of `/` and what the user may do below it. */
export interface TopDirectory {
  readonly path: string;
  readonly rights: readonly UploadRight[];
}

/** Returns the directories of a user's `/`. The page offers only what they allow; the tree checks every request. */
export function topDirectories(settings: UserSettings): readonly TopDirectory[] {
  const { uploadRights, downloads, downloadsDelete, shared, local } = settings;
  const granted = uploadRightNames.filter((right) => uploadRights[right]);
  return [
    { path: '/uploads', rights: granted },
    ...(downloads
      ? [
          {
            path: '/downloads',
            rights: ['list', 'read', ...(downloadsDelete ? (['remove'] as const) : [])],
          } as const,
        ]
      : []),
    ...(shared ? [{ path: '/shared', rights: ['list', 'read'] } as const] : []),
    ...(local ? [{ path: '/local', rights: uploadRightNames }] : []),
  ];
}

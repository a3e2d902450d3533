/**
 * The rights of a user in `/uploads`. `list`: list directories and find files with STAT. `read`: read files.
 * `create`: upload new files and create directories. `overwrite`: replace or change files that exist, and
 * their times. `rename`: rename files and directories. `remove`: remove files and directories.
 */
export const uploadRightNames = ['list', 'read', 'create', 'overwrite', 'rename', 'remove'] as const;

export type UploadRight = (typeof uploadRightNames)[number];

export type UploadRights = Readonly<Record<UploadRight, boolean>>;

/** Returns the rights that consist of these. */
export function uploadRights(granted: readonly UploadRight[]): UploadRights {
  const has = (right: UploadRight): boolean => granted.includes(right);
  return {
    list: has('list'),
    read: has('read'),
    create: has('create'),
    overwrite: has('overwrite'),
    rename: has('rename'),
    remove: has('remove'),
  };
}

export const allRights: UploadRights = uploadRights(uploadRightNames);

/** Clients can upload, overwrite and rename, but neither list, read nor remove. */
export const dropboxRights: UploadRights = uploadRights(['create', 'overwrite', 'rename']);

/** Combinations with a name. */
const namedRights: Readonly<Record<string, UploadRights>> = {
  all: allRights,
  dropbox: dropboxRights,
  none: uploadRights([]),
};

/** Returns the rights as a setting has them: the name of a combination, or a list. */
export function formatUploadRights(rights: UploadRights): string {
  const granted = (of: UploadRights) => uploadRightNames.filter((right) => of[right]).join(',');
  const list = granted(rights);
  return Object.entries(namedRights).find(([, named]) => granted(named) === list)?.[0] ?? list;
}

/** Parses the name of a combination or a list such as `list,create`. Returns null for an unknown right. */
export function readUploadRights(text: string): UploadRights | null {
  if (Object.hasOwn(namedRights, text)) return namedRights[text] ?? null;
  const names = text.split(',').map((name) => name.trim());
  const granted = uploadRightNames.filter((right) => names.includes(right));
  const areKnown = names.every((name) => granted.some((right) => right === name));
  return areKnown ? uploadRights(granted) : null;
}

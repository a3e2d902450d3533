import { Fault, type FaultKind } from '../../model/fault.js';

type Meaning = readonly [FaultKind, string];

/**
 * Faults and texts for errno(3). The kernel's own text contains a path on the gateway, so it goes only to the
 * log.
 */
const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: ['not-found', 'does not exist'],
  EEXIST: ['exists', 'exists already'],
  ENOTEMPTY: ['not-empty', 'is not empty'],
  ENOTDIR: ['not-directory', 'is not a directory, or something above it is not'],
  EISDIR: ['is-directory', 'is a directory'],
  EACCES: ['denied', 'may not be accessed: its permissions forbid it'],
  EPERM: ['denied', 'may not be changed: the file system forbids it'],
  EROFS: ['denied', 'is on a read-only file system'],
  ENAMETOOLONG: ['invalid', 'has a name that is too long: the maximum is 255 bytes between two slashes'],
  ENOSPC: ['over-quota', 'cannot be written: the disk of the gateway is full'],
  EDQUOT: ['over-quota', 'cannot be written: the disk quota of the gateway is used up'],
  EFBIG: ['too-large', 'would become larger than the file system allows'],
  EXDEV: ['unsupported', 'is on another file system: copy it and remove the original'],
  EINVAL: ['invalid', 'cannot be used for this operation (a directory cannot be moved into itself)'],
  ELOOP: ['conflict', 'has become a symbolic link: try again'],
  EBUSY: ['conflict', 'is in use'],
  EMFILE: ['unavailable', 'cannot be opened: the gateway has too many open files; try again later'],
  ENFILE: ['unavailable', 'cannot be opened: the machine has too many open files; try again later'],
  EIO: ['unavailable', 'cannot be read or written: the disk of the gateway reports an error'],
};

/** Returns the `code` of a file system error, or null for other errors. */
export function errnoOf(thrown: unknown): string | null {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : null;
}

/** Converts a file system error into a fault that names the path as the user sees it. */
export function diskFault(thrown: unknown, shown: string): Fault {
  const meaning = meanings[errnoOf(thrown) ?? ''];
  if (meaning === undefined) return Fault.from(thrown);
  return new Fault(meaning[0], `${JSON.stringify(shown)} ${meaning[1]}`, { cause: thrown });
}

/** Runs a file system operation and converts its errors into faults. */
export async function withDiskFaults<T>(shown: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw diskFault(error, shown);
  }
}

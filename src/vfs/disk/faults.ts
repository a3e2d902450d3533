import { Fault, type FaultKind } from '../../model/fault.js';

type Meaning = readonly [FaultKind, string];

/** What errno(3) means to the person at the other end. The kernel's own text names a path of ours and stays in the log. */
const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: ['not-found', 'does not exist'],
  EEXIST: ['exists', 'exists already'],
  ENOTEMPTY: ['not-empty', 'is not empty'],
  ENOTDIR: ['not-directory', 'is not a directory, or something above it is not'],
  EISDIR: ['is-directory', 'is a directory'],
  EACCES: ['denied', 'may not be accessed: its permissions forbid it'],
  EPERM: ['denied', 'may not be changed: the file system forbids it'],
  EROFS: ['denied', 'is on a file system that cannot be written'],
  ENAMETOOLONG: ['invalid', 'has a name that is too long: at most 255 bytes between two slashes'],
  ENOSPC: ['over-quota', 'cannot be written: the disk of the gateway is full'],
  EDQUOT: ['over-quota', 'cannot be written: the disk quota of the gateway is used up'],
  EFBIG: ['too-large', 'would become larger than the file system allows'],
  EXDEV: ['unsupported', 'is on another file system: copy it and remove the original'],
  EINVAL: ['invalid', 'cannot be used like this: a directory cannot be moved into itself'],
  ELOOP: ['conflict', 'became a symbolic link meanwhile: try again'],
  EBUSY: ['conflict', 'is in use'],
  EMFILE: ['unavailable', 'cannot be opened now: the gateway has too many open files'],
  ENFILE: ['unavailable', 'cannot be opened now: the machine has too many open files'],
  EIO: ['unavailable', 'cannot be read or written: the disk of the gateway answers with an error'],
};

/** The `code` of an error of the file system, null for anything else. */
export function errnoOf(thrown: unknown): string | null {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : null;
}

/** An error of the file system as a fault that names the path as the user knows it. */
export function diskFault(thrown: unknown, shown: string): Fault {
  const meaning = meanings[errnoOf(thrown) ?? ''];
  if (meaning === undefined) return Fault.from(thrown);
  return new Fault(meaning[0], `${JSON.stringify(shown)} ${meaning[1]}`, { cause: thrown });
}

/** Runs one operation of the file system; its errors come out as faults. */
export async function onDisk<T>(shown: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw diskFault(error, shown);
  }
}

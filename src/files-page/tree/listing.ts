import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { Attributes, DirectoryEntry, Vfs } from '../../model/vfs.js';
import { userText } from '../../sftp/status.js';

/** An entry of a directory as the page gets it. */
export interface ListedEntry {
  readonly name: string;
  /** `link`: a symbolic link that leads nowhere. */
  readonly type: 'file' | 'directory' | 'link';
  readonly size: number;
  readonly mtimeSeconds: number;
}

/** A line of a listing: some entries, or its end. */
export type ListingLine =
  | { readonly kind: 'entries'; readonly entries: readonly ListedEntry[] }
  | { readonly kind: 'end'; readonly isComplete: boolean };

/**
 * Passes the entries of a directory on, up to `max` of them. Throws the tree's faults with the texts for users; the
 * first one before the first line.
 */
export async function listDirectory(
  call: Call,
  vfs: Pick<Vfs, 'list' | 'stat'>,
  path: string,
  max: number,
  write: (line: ListingLine, required: boolean) => void,
): Promise<void> {
  let left = max;
  try {
    for await (const batch of vfs.list(call, path)) {
      const shown = batch.slice(0, left);
      const entries = await Promise.all(shown.map((entry) => listed(call, vfs, path, entry)));
      write({ kind: 'entries', entries }, true);
      left -= shown.length;
      if (batch.length > shown.length) return write({ kind: 'end', isComplete: false }, true);
    }
    write({ kind: 'end', isComplete: true }, true);
  } catch (error) {
    const fault = Fault.from(error);
    throw new Fault(fault.kind, userText(fault), { cause: error });
  }
}

/** A symbolic link appears as its target. */
async function listed(
  call: Call,
  vfs: Pick<Vfs, 'stat'>,
  directory: string,
  { name, attributes }: DirectoryEntry,
): Promise<ListedEntry> {
  if (attributes.type !== 'symlink') return entryOf(name, attributes);
  const path = directory === '/' ? `/${name}` : `${directory}/${name}`;
  return entryOf(name, (await vfs.stat(call, path).catch(() => null)) ?? attributes);
}

function entryOf(name: string, { type, size, mtimeSeconds }: Attributes): ListedEntry {
  return { name, type: type === 'symlink' ? 'link' : type, size, mtimeSeconds };
}

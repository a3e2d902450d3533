import { Fault } from '../../model/fault.js';
import { normalisePath } from '../../model/path.js';
import type { DirectoryEntry } from '../../model/vfs.js';
import type { OpenHandle } from '../handle-table.js';
import { encodeHandle, encodeNames, type NameEntry, nameEntryBytes } from '../wire/encode-response.js';
import type { Handler } from './context.js';
import { longname } from './longname.js';
import { endOfFile, ok } from './replies.js';

/**
 * Max size of the entries in a reply. All clients accept packets of 34,000 bytes
 * (draft-ietf-secsh-filexfer-02 section 3).
 */
const maxNamesBytes = 32 * 1024;

/**
 * SSH_FXP_OPENDIR, section 6.7. Fetches the first batch, so that it fails if the directory does not exist.
 */
export const opendir: Handler<'opendir'> = async (context, call, request) => {
  const path = normalisePath(request.path);
  const handle = await context.paths.run([{ path, access: 'list' }], () =>
    context.handles.add(async () => {
      const batches = context.vfs.list(call, path)[Symbol.asyncIterator]();
      const unsent: DirectoryEntry[] = [];
      await fetchBatch(batches, unsent);
      return { kind: 'directory', path, batches, unsent } as const;
    }),
  );
  return [encodeHandle(request.id, handle)];
};

/**
 * Fills the empty `unsent` from the next batch with entries. At the end of the listing, `unsent` stays empty.
 */
async function fetchBatch(
  batches: AsyncIterator<readonly DirectoryEntry[]>,
  unsent: DirectoryEntry[],
): Promise<void> {
  while (unsent.length === 0) {
    const { done, value } = await batches.next();
    if (done) return;
    for (const entry of value.toReversed()) unsent.push(entry);
  }
}

/** SSH_FXP_READDIR, section 6.7. */
export const readdir: Handler<'readdir'> = async (context, _call, request) => {
  const handle = context.handles.get(request.handle);
  if (handle.kind !== 'directory') throw new Fault('not-directory', 'the handle is not a directory');
  const nowSeconds = context.clock.nowMs() / 1000;
  const entries = await handle.order.exclusive(() => takeEntries(handle, context.username, nowSeconds));
  return entries.length === 0 ? endOfFile(request.id) : [encodeNames(request.id, entries)];
};

async function takeEntries(
  handle: Extract<OpenHandle, { kind: 'directory' }>,
  owner: string,
  nowSeconds: number,
): Promise<NameEntry[]> {
  const { batches, unsent } = handle;
  if (unsent.length === 0) await fetchBatch(batches, unsent);
  const entries: NameEntry[] = [];
  let byteLength = 0;
  for (let entry = unsent.at(-1); entry !== undefined; entry = unsent.at(-1)) {
    const { name, attributes } = entry;
    const named = { filename: name, longname: longname(name, attributes, owner, nowSeconds), attributes };
    byteLength += nameEntryBytes(named);
    if (entries.length > 0 && byteLength > maxNamesBytes) break;
    entries.push(named);
    unsent.pop();
  }
  return entries;
}

/** SSH_FXP_MKDIR, section 6.6. Ignores the permissions, which clients derive from their umask. */
export const mkdir: Handler<'mkdir'> = async (context, call, request) => {
  const path = normalisePath(request.path);
  await context.paths.run([{ path, access: 'write' }], () => context.vfs.makeDirectory(call, path));
  return ok(request.id);
};

/** SSH_FXP_RMDIR, section 6.6. */
export const rmdir: Handler<'rmdir'> = async (context, call, request) => {
  const path = normalisePath(request.path);
  await context.paths.run([{ path, access: 'write' }], () => context.vfs.removeDirectory(call, path));
  return ok(request.id);
};

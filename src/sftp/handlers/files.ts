import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { normalisePath } from '../../model/path.js';
import { disposeHandle } from '../handle-table.js';
import { announcedLimits, openFlag } from '../wire/constants.js';
import { encodeAttributes, encodeDataHead, encodeHandle } from '../wire/encode-response.js';
import type { WireAttributes } from '../wire/requests.js';
import { attributeChange, initialAttributes, refuseChangeOfOwner } from './attribute-change.js';
import type { Handler, SessionContext } from './context.js';
import { endOfFile, ok } from './replies.js';

/** SSH_FXP_OPEN, section 6.3. */
export const open: Handler<'open'> = async (context, call, request) => {
  const path = normalisePath(request.path);
  const { flags } = request;
  const writing = (flags & (openFlag.write | openFlag.append)) !== 0;
  if (!writing && (flags & openFlag.read) === 0) {
    throw new Fault('invalid', 'the open flags request neither reading nor writing');
  }
  const handle = await context.paths.run([{ path, access: writing ? 'write' : 'read' }], () =>
    context.handles.add(() =>
      writing ? openWrite(context, call, path, flags, request.attributes) : openRead(context, call, path),
    ),
  );
  return [encodeHandle(request.id, handle)];
};

async function openRead(context: SessionContext, call: Call, path: string) {
  return { kind: 'read', path, file: await context.vfs.openRead(call, path) } as const;
}

async function openWrite(
  context: SessionContext,
  call: Call,
  path: string,
  flags: number,
  attributes: WireAttributes,
) {
  if (context.isDraining()) {
    throw new Fault('unavailable', 'the server is shutting down; try again in a moment');
  }
  const create = (flags & openFlag.create) !== 0;
  const file = await context.vfs.openWrite(call, path, {
    create,
    exclusive: create && (flags & openFlag.exclusive) !== 0,
    truncate: (flags & openFlag.truncate) !== 0,
    append: (flags & openFlag.append) !== 0,
    read: (flags & openFlag.read) !== 0,
    attributes: initialAttributes(attributes),
  });
  return { kind: 'write', path, file } as const;
}

/** SSH_FXP_CLOSE, section 6.3. For a written file, OK means that it is stored durably. */
export const close: Handler<'close'> = async (context, call, request) => {
  const handle = context.handles.remove(request.handle);
  const access = handle.kind === 'write' ? 'write' : 'read';
  return context.paths.run([{ path: handle.path, access }], () =>
    handle.order.exclusive(async () => {
      try {
        if (handle.kind === 'write') {
          await handle.file.commit(call);
          context.tally.filesWritten += 1;
        } else if (handle.kind === 'read') {
          context.tally.filesRead += 1;
        }
      } finally {
        await disposeHandle(handle);
      }
      return ok(request.id);
    }),
  );
};

/** SSH_FXP_READ, section 6.4. */
export const read: Handler<'read'> = async (context, call, request) => {
  const handle = context.handles.get(request.handle);
  if (handle.kind === 'directory')
    throw new Fault('is-directory', 'the handle is a directory; read it with READDIR');
  const length = Math.min(request.length, announcedLimits.readBytes);
  if (length === 0) return [encodeDataHead(request.id, 0)];
  const reading = () => handle.file.read(call, request.offset, length);
  // A handle that is written too returns what the writes before this request have left.
  const views = await (handle.kind === 'read'
    ? handle.order.shared(reading)
    : handle.order.exclusive(reading));
  let byteLength = 0;
  for (const view of views ?? []) byteLength += view.byteLength;
  if (views === null || byteLength === 0) return endOfFile(request.id);
  context.tally.bytesSent += byteLength;
  return [encodeDataHead(request.id, byteLength), ...views];
};

/** SSH_FXP_WRITE, section 6.4. Writes reach the file in the order of their packets. */
export const write: Handler<'write'> = async (context, call, request) => {
  const handle = context.handles.get(request.handle);
  if (handle.kind !== 'write') throw new Fault('denied', 'the handle is not open for writing');
  context.tally.bytesReceived += request.byteLength;
  await handle.order.shared(() => handle.file.write(call, request.offset, request.chunks));
  return ok(request.id);
};

/**
 * SSH_FXP_FSTAT, section 6.8. For a file that is being written, the size is what the gateway has received.
 */
export const fstat: Handler<'fstat'> = async (context, call, request) => {
  const handle = context.handles.get(request.handle);
  if (handle.kind !== 'directory') {
    const { file, kind, order } = handle;
    const asking = async () => file.attributes();
    return [encodeAttributes(request.id, await (kind === 'write' ? order.exclusive(asking) : asking()))];
  }
  const attributes = await context.vfs.stat(call, handle.path);
  if (attributes === null) throw new Fault('not-found', `${JSON.stringify(handle.path)} does not exist`);
  return [encodeAttributes(request.id, attributes)];
};

/** SSH_FXP_FSETSTAT, section 6.9. If the handle is not open for writing, the change applies to its path. */
export const fsetstat: Handler<'fsetstat'> = async (context, call, request) => {
  const handle = context.handles.get(request.handle);
  refuseChangeOfOwner(request.attributes);
  const change = attributeChange(request.attributes);
  await context.paths.run([{ path: handle.path, access: 'write' }], () =>
    handle.order.exclusive(() =>
      handle.kind === 'write'
        ? handle.file.setAttributes(call, change)
        : context.vfs.setAttributes(call, handle.path, change),
    ),
  );
  return ok(request.id);
};

/**
 * fsync@openssh.com. Replies OK once every earlier write of the handle has ended, and with the fault of one that
 * failed. An upload becomes durable only at CLOSE. A failure here for that would make `sftp put -f` abort files
 * that arrive complete.
 */
export const fsync: Handler<'fsync'> = async (context, call, request) => {
  const handle = context.handles.get(request.handle);
  await handle.order.exclusive(async () => {
    if (handle.kind === 'write') await handle.file.sync(call);
  });
  return ok(request.id);
};

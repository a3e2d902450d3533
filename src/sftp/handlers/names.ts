import { Fault } from '../../model/fault.js';
import { normalisePath } from '../../model/path.js';
import { encodeAttributes } from '../wire/encode-response.js';
import { attributeChange, refuseChangeOfOwner } from './attribute-change.js';
import type { Handler, SessionContext } from './context.js';
import { ok, onePath } from './replies.js';

/**
 * SSH_FXP_REALPATH, section 6.11: normalises the path. Keeps symbolic links, and does not check that the path
 * exists.
 */
export const realpath: Handler<'realpath'> = async (_context, _call, request) =>
  onePath(request.id, normalisePath(request.path));

function statWith(method: 'stat' | 'lstat'): Handler<'stat' | 'lstat'> {
  return async (context, call, request) => {
    const path = normalisePath(request.path);
    const attributes = await context.paths.run([{ path, access: 'read' }], () =>
      context.vfs[method](call, path),
    );
    if (attributes === null) throw new Fault('not-found', `${JSON.stringify(path)} does not exist`);
    return [encodeAttributes(request.id, attributes)];
  };
}

/** SSH_FXP_STAT and SSH_FXP_LSTAT, section 6.8. */
export const stat = statWith('stat');
export const lstat = statWith('lstat');

/** SSH_FXP_SETSTAT, section 6.9. */
export const setstat: Handler<'setstat'> = async (context, call, request) => {
  const path = normalisePath(request.path);
  refuseChangeOfOwner(request.attributes);
  await context.paths.run([{ path, access: 'write' }], () =>
    context.vfs.setAttributes(call, path, attributeChange(request.attributes)),
  );
  return ok(request.id);
};

/**
 * lsetstat@openssh.com: SETSTAT that does not follow symbolic links. Fails for a link, since no tree stores
 * attributes of links.
 */
export const lsetstat: Handler<'lsetstat'> = async (context, call, request) => {
  const path = normalisePath(request.path);
  refuseChangeOfOwner(request.attributes);
  await context.paths.run([{ path, access: 'write' }], async () => {
    const attributes = await context.vfs.lstat(call, path);
    if (attributes?.type === 'symlink') {
      throw new Fault('unsupported', 'cannot change the attributes of a symbolic link');
    }
    await context.vfs.setAttributes(call, path, attributeChange(request.attributes));
  });
  return ok(request.id);
};

/** SSH_FXP_REMOVE, section 6.5. */
export const remove: Handler<'remove'> = async (context, call, request) => {
  const path = normalisePath(request.path);
  await context.paths.run([{ path, access: 'write' }], () => context.vfs.remove(call, path));
  return ok(request.id);
};

function renameWith(replace: boolean): Handler<'rename' | 'posix-rename'> {
  return async (context, call, request) => {
    const from = normalisePath(request.from);
    const to = normalisePath(request.to);
    const claims = [from, to].map((path) => ({ path, access: 'write' }) as const);
    await context.paths.run(claims, () => context.vfs.rename(call, from, to, replace));
    return ok(request.id);
  };
}

/** SSH_FXP_RENAME, section 6.5. Fails if the target exists. */
export const rename = renameWith(false);
/** posix-rename@openssh.com. Replaces the target. */
export const posixRename = renameWith(true);

/** SSH_FXP_READLINK, section 6.10. */
export const readlink: Handler<'readlink'> = async (context, call, request) => {
  const path = normalisePath(request.path);
  const target = await context.paths.run([{ path, access: 'read' }], () => context.vfs.readLink(call, path));
  return onePath(request.id, target);
};

/**
 * SSH_FXP_SYMLINK, section 6.10, with the arguments in the client's order. The tree gets the target unchanged,
 * because a relative target depends on the links in its path. Only targets that are not valid paths are
 * refused here.
 */
export const symlink: Handler<'symlink'> = async (context, call, request) => {
  const { first, second } = request;
  const [linkBytes, targetBytes] = context.sendsLinkFirst ? [first, second] : [second, first];
  const link = normalisePath(linkBytes);
  normalisePath(targetBytes);
  if (targetBytes.byteLength === 0) throw new Fault('invalid', 'the symbolic link has no target');
  const target = Buffer.from(targetBytes).toString();
  await context.paths.run([{ path: link, access: 'write' }], () =>
    context.vfs.makeSymlink(call, link, target),
  );
  return ok(request.id);
};

/** hardlink@openssh.com (OpenSSH PROTOCOL, section 4.5): the existing file comes first. */
export const hardlink: Handler<'hardlink'> = async (context, call, request) => {
  const existing = normalisePath(request.from);
  const path = normalisePath(request.to);
  const claims = [existing, path].map((each) => ({ path: each, access: 'write' }) as const);
  await context.paths.run(claims, () => context.vfs.makeHardLink(call, path, existing));
  return ok(request.id);
};

/** expand-path@openssh.com: REALPATH that expands `~` and `~user` to the home directory, which is `/`. */
export const expandPath: Handler<'expand-path'> = async (context, _call, request) => {
  const text = Buffer.from(request.path);
  const home = /^~([^/]*)(\/.*)?$/su.exec(text.toString('latin1'));
  if (home === null) return onePath(request.id, normalisePath(request.path));
  refuseOtherHome(context, Buffer.from(home[1] ?? '', 'latin1').toString());
  return onePath(request.id, normalisePath(Buffer.from(home[2] ?? '', 'latin1')));
};

/** home-directory: returns the home directory of the user who is logged in. An empty name means this user. */
export const homeDirectory: Handler<'home-directory'> = async (context, _call, request) => {
  refuseOtherHome(context, Buffer.from(request.username).toString());
  return onePath(request.id, '/');
};

/** Throws `not-found` for another user. The fault does not reveal whether that user exists. */
function refuseOtherHome(context: SessionContext, username: string): void {
  if (username !== '' && username !== context.username) {
    throw new Fault('not-found', 'only the home directory of the user who is logged in is available');
  }
}

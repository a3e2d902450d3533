import { normalisePath } from '../../model/path.js';
import {
  encodeLimits,
  encodeStatistics,
  encodeUserAndGroupNames,
  encodeVersion,
  ownerId,
} from '../wire/encode-response.js';
import type { Handler } from './context.js';

/** SSH_FXP_INIT, section 4. Replies with version 3, whatever the client's version, as OpenSSH does. */
export const init: Handler<'init'> = async () => [encodeVersion()];

/** limits@openssh.com. */
export const limits: Handler<'limits'> = async (context, _call, request) => [
  encodeLimits(request.id, context.maxHandles),
];

/** statvfs@openssh.com. */
export const statvfs: Handler<'statvfs'> = async (context, call, request) => [
  encodeStatistics(request.id, await context.vfs.statistics(call, normalisePath(request.path))),
];

/** fstatvfs@openssh.com. */
export const fstatvfs: Handler<'fstatvfs'> = async (context, call, request) => {
  const { path } = context.handles.get(request.handle);
  return [encodeStatistics(request.id, await context.vfs.statistics(call, path))];
};

/** users-groups-by-id@openssh.com. Only the logged-in user has an id, and their group has the same name. */
export const usersGroupsById: Handler<'users-groups-by-id'> = async (context, _call, request) => {
  const name = (id: number) => (id === ownerId ? context.username : '');
  return [encodeUserAndGroupNames(request.id, request.uids.map(name), request.gids.map(name))];
};

import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { statusCode } from '../wire/constants.js';
import { encodeStatus } from '../wire/encode-response.js';
import type { Request, RequestType } from '../wire/requests.js';
import type { Handler, Reply, SessionContext } from './context.js';
import { copyData } from './copy-data.js';
import * as directories from './directories.js';
import * as files from './files.js';
import * as names from './names.js';
import * as facts from './server-facts.js';

const malformed: Handler<'malformed'> = async (_context, _call, request) => [
  encodeStatus(request.id, statusCode.badMessage, `malformed packet: ${request.reason}`),
];

const unknown: Handler<'unknown'> = async (_context, _call, request) => {
  throw new Fault('unsupported', `${request.what} is not supported`);
};

const handlers: { readonly [T in RequestType]: Handler<T> } = {
  init: facts.init,
  open: files.open,
  close: files.close,
  read: files.read,
  write: files.write,
  fstat: files.fstat,
  fsetstat: files.fsetstat,
  fsync: files.fsync,
  opendir: directories.opendir,
  readdir: directories.readdir,
  mkdir: directories.mkdir,
  rmdir: directories.rmdir,
  realpath: names.realpath,
  stat: names.stat,
  lstat: names.lstat,
  setstat: names.setstat,
  lsetstat: names.lsetstat,
  remove: names.remove,
  rename: names.rename,
  'posix-rename': names.posixRename,
  hardlink: names.hardlink,
  readlink: names.readlink,
  symlink: names.symlink,
  'expand-path': names.expandPath,
  'home-directory': names.homeDirectory,
  limits: facts.limits,
  statvfs: facts.statvfs,
  fstatvfs: facts.fstatvfs,
  'users-groups-by-id': facts.usersGroupsById,
  'copy-data': copyData,
  unknown,
  malformed,
};

/** Calls the handler of a request and returns its reply. Rejects with the handler's fault. */
export function dispatch(context: SessionContext, call: Call, request: Request): Promise<Reply> {
  // The type of the table pairs each handler with its request. An indexed access loses this pairing.
  const handler = handlers[request.type] as (
    context: SessionContext,
    call: Call,
    request: Request,
  ) => Promise<Reply>;
  return handler(context, call, request);
}

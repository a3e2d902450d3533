import { statusCode } from '../wire/constants.js';
import { encodeNames, encodeStatus } from '../wire/encode-response.js';
import type { Reply } from './context.js';

export function ok(id: number): Reply {
  return [encodeStatus(id, statusCode.ok, 'Success')];
}

export function endOfFile(id: number): Reply {
  return [encodeStatus(id, statusCode.eof, 'End of file')];
}

/** Returns a NAME reply with one path and without attributes, for requests such as REALPATH and READLINK. */
export function onePath(id: number, path: string): Reply {
  return [encodeNames(id, [{ filename: path, longname: path, attributes: null }])];
}

import { packetType } from './constants.js';
import { FieldReader, MalformedPacket } from './field-reader.js';
import { type ExtensionName, extensions, type Request } from './requests.js';

type Parser = (id: number, fields: FieldReader) => Request;

type PathOnly =
  | 'lstat'
  | 'stat'
  | 'opendir'
  | 'remove'
  | 'rmdir'
  | 'realpath'
  | 'readlink'
  | 'statvfs'
  | 'expand-path';

function pathOnly(type: PathOnly): Parser {
  return (id, fields) => ({ type, id, path: fields.string() });
}

function handleOnly(type: 'close' | 'fstat' | 'readdir' | 'fsync' | 'fstatvfs'): Parser {
  return (id, fields) => ({ type, id, handle: fields.string() });
}

function pathAndAttributes(type: 'setstat' | 'mkdir' | 'lsetstat'): Parser {
  return (id, fields) => ({ type, id, path: fields.string(), attributes: fields.attributes() });
}

function twoPaths(type: 'rename' | 'posix-rename' | 'hardlink'): Parser {
  return (id, fields) => ({ type, id, from: fields.string(), to: fields.string() });
}

function ids(packed: Uint8Array): number[] {
  if (packed.byteLength % 4 !== 0)
    throw new MalformedPacket('the length of an id list is not a multiple of 4');
  const fields = new FieldReader(packed);
  return Array.from({ length: packed.byteLength / 4 }, () => fields.uint32());
}

const extended: { readonly [N in ExtensionName]: Parser } = {
  'posix-rename@openssh.com': twoPaths('posix-rename'),
  'hardlink@openssh.com': twoPaths('hardlink'),
  'fsync@openssh.com': handleOnly('fsync'),
  'statvfs@openssh.com': pathOnly('statvfs'),
  'fstatvfs@openssh.com': handleOnly('fstatvfs'),
  'lsetstat@openssh.com': pathAndAttributes('lsetstat'),
  'limits@openssh.com': (id) => ({ type: 'limits', id }),
  'expand-path@openssh.com': pathOnly('expand-path'),
  'copy-data': (id, fields) => ({
    type: 'copy-data',
    id,
    from: fields.string(),
    fromOffset: fields.size(),
    length: fields.size(),
    to: fields.string(),
    toOffset: fields.size(),
  }),
  'users-groups-by-id@openssh.com': (id, fields) => ({
    type: 'users-groups-by-id',
    id,
    uids: ids(fields.string()),
    gids: ids(fields.string()),
  }),
  'home-directory': (id, fields) => ({ type: 'home-directory', id, username: fields.string() }),
};

const parsers: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [
    packetType.open,
    (id, fields) => ({
      type: 'open',
      id,
      path: fields.string(),
      flags: fields.uint32(),
      attributes: fields.attributes(),
    }),
  ],
  [packetType.close, handleOnly('close')],
  [
    packetType.read,
    (id, fields) => ({
      type: 'read',
      id,
      handle: fields.string(),
      offset: fields.size(),
      length: fields.uint32(),
    }),
  ],
  [packetType.lstat, pathOnly('lstat')],
  [packetType.fstat, handleOnly('fstat')],
  [packetType.setstat, pathAndAttributes('setstat')],
  [
    packetType.fsetstat,
    (id, fields) => ({ type: 'fsetstat', id, handle: fields.string(), attributes: fields.attributes() }),
  ],
  [packetType.opendir, pathOnly('opendir')],
  [packetType.readdir, handleOnly('readdir')],
  [packetType.remove, pathOnly('remove')],
  [packetType.mkdir, pathAndAttributes('mkdir')],
  [packetType.rmdir, pathOnly('rmdir')],
  [packetType.realpath, pathOnly('realpath')],
  [packetType.stat, pathOnly('stat')],
  [packetType.rename, twoPaths('rename')],
  [packetType.readlink, pathOnly('readlink')],
  [
    packetType.symlink,
    (id, fields) => ({ type: 'symlink', id, first: fields.string(), second: fields.string() }),
  ],
  [packetType.extended, parseExtended],
]);

function parseExtended(id: number, fields: FieldReader): Request {
  const name = Buffer.from(fields.string()).toString('latin1');
  if (Object.hasOwn(extensions, name)) return extended[name as ExtensionName](id, fields);
  return { type: 'unknown', id, what: `the extension ${JSON.stringify(name.slice(0, 64))}` };
}

/**
 * Parses one packet without its length field; the decoder parses WRITE itself. Returns null if the packet is
 * too short for a type and an id, since a reply needs the id. Ignores bytes after the last field, as OpenSSH
 * does.
 */
export function parseRequest(packet: Uint8Array): Request | null {
  const type = packet[0];
  if (type === undefined || packet.byteLength < 5) return null;
  const fields = new FieldReader(packet, 1);
  const id = fields.uint32();
  if (type === packetType.init) return { type: 'init', version: id };
  const parser = parsers.get(type);
  if (parser === undefined) return { type: 'unknown', id, what: `the packet type ${type}` };
  try {
    return parser(id, fields);
  } catch (thrown) {
    if (thrown instanceof MalformedPacket) return { type: 'malformed', id, reason: thrown.message };
    throw thrown;
  }
}

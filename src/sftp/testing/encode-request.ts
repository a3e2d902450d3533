import { attributeFlag, packetType } from '../wire/constants.js';
import { type ExtensionName, extensions, type Request, type WireAttributes } from '../wire/requests.js';

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

export function string(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.byteLength), bytes]);
}

export function attributes(wire: WireAttributes): Buffer {
  const parts: Buffer[] = [];
  let flags = 0;
  if (wire.size !== undefined) {
    flags |= attributeFlag.size;
    parts.push(uint64(wire.size));
  }
  if (wire.uid !== undefined && wire.gid !== undefined) {
    flags |= attributeFlag.uidGid;
    parts.push(uint32(wire.uid), uint32(wire.gid));
  }
  if (wire.permissions !== undefined) {
    flags |= attributeFlag.permissions;
    parts.push(uint32(wire.permissions));
  }
  if (wire.atimeSeconds !== undefined && wire.mtimeSeconds !== undefined) {
    flags |= attributeFlag.accessModificationTime;
    parts.push(uint32(wire.atimeSeconds), uint32(wire.mtimeSeconds));
  }
  return Buffer.concat([uint32(flags >>> 0), ...parts]);
}

/** Encodes a packet of any type, with its length. */
export function packet(type: number, ...fields: Uint8Array[]): Buffer {
  const body = Buffer.concat([Buffer.from([type]), ...fields]);
  return Buffer.concat([uint32(body.byteLength), body]);
}

type Sendable = Exclude<Request, { readonly type: 'unknown' | 'malformed' }>;

const extensionNames = new Map(
  Object.entries(extensions).map(([name, { type }]) => [type as string, name as ExtensionName]),
);

function fieldsOf(request: Sendable): Uint8Array[] {
  switch (request.type) {
    case 'init':
      return [uint32(request.version)];
    case 'open':
      return [string(request.path), uint32(request.flags), attributes(request.attributes)];
    case 'read':
      return [string(request.handle), uint64(request.offset), uint32(request.length)];
    case 'write': {
      const data = Buffer.concat(request.chunks);
      return [string(request.handle), uint64(request.offset), string(data)];
    }
    case 'setstat':
    case 'mkdir':
    case 'lsetstat':
      return [string(request.path), attributes(request.attributes)];
    case 'fsetstat':
      return [string(request.handle), attributes(request.attributes)];
    case 'rename':
    case 'posix-rename':
    case 'hardlink':
      return [string(request.from), string(request.to)];
    case 'symlink':
      return [string(request.first), string(request.second)];
    case 'limits':
      return [];
    case 'home-directory':
      return [string(request.username)];
    case 'users-groups-by-id':
      return [request.uids, request.gids].map((ids) => string(Buffer.concat(ids.map(uint32))));
    case 'copy-data':
      return [
        string(request.from),
        uint64(request.fromOffset),
        uint64(request.length),
        string(request.to),
        uint64(request.toOffset),
      ];
    default:
      return ['path' in request ? string(request.path) : string(request.handle)];
  }
}

/** Encodes a request as a client sends it. */
export function encodeRequest(request: Sendable): Buffer {
  if (request.type === 'init') return packet(packetType.init, ...fieldsOf(request));
  const name = extensionNames.get(request.type);
  if (name !== undefined) {
    return packet(packetType.extended, uint32(request.id), string(name), ...fieldsOf(request));
  }
  const type = packetType[request.type as keyof typeof packetType];
  return packet(type, uint32(request.id), ...fieldsOf(request));
}

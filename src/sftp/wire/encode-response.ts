import type { Attributes, FileSystemStatistics } from '../../model/vfs.js';
import {
  announcedLimits,
  attributeFlag,
  fileTypeBits,
  packetType,
  protocolVersion,
  type StatusCode,
} from './constants.js';
import { extensions } from './requests.js';

/** One entry of a NAME reply. `attributes` is null in replies to REALPATH and READLINK, which have none. */
export interface NameEntry {
  readonly filename: string;
  readonly longname: string;
  readonly attributes: Attributes | null;
}

/** User id and group id of every file in replies. */
export const ownerId = 1000;

const attributeBytes = 4 + 8 + 4 + 4 + 4 + 4 + 4;

/** Clamps seconds since the epoch to the 32 bits of the protocol (1970 to 2106). */
function wireSeconds(seconds: number): number {
  return Math.min(Math.max(Math.trunc(seconds), 0), 0xffffffff);
}

/**
 * Returns a packet with length, type and id written. The `bodyBytes` bytes after them are not yet written.
 */
function packet(type: number, id: number, bodyBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(4 + 1 + 4 + bodyBytes);
  bytes.writeUInt32BE(5 + bodyBytes, 0);
  bytes[4] = type;
  bytes.writeUInt32BE(id, 5);
  return bytes;
}

const bodyAt = 9;

function writeSize(bytes: Buffer, value: number, at: number): number {
  bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  return bytes.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

function writeString(bytes: Buffer, text: string, byteLength: number, at: number): number {
  bytes.writeUInt32BE(byteLength, at);
  return at + 4 + bytes.write(text, at + 4, 'utf8');
}

function writeAttributes(bytes: Buffer, attributes: Attributes, at: number): number {
  let next = bytes.writeUInt32BE(
    attributeFlag.size |
      attributeFlag.uidGid |
      attributeFlag.permissions |
      attributeFlag.accessModificationTime,
    at,
  );
  next = writeSize(bytes, attributes.size, next);
  next = bytes.writeUInt32BE(ownerId, next);
  next = bytes.writeUInt32BE(ownerId, next);
  next = bytes.writeUInt32BE(fileTypeBits[attributes.type] | (attributes.mode & 0o7777), next);
  next = bytes.writeUInt32BE(wireSeconds(attributes.atimeSeconds), next);
  return bytes.writeUInt32BE(wireSeconds(attributes.mtimeSeconds), next);
}

/** Encodes SSH_FXP_VERSION with the extensions, section 4. */
export function encodeVersion(): Buffer {
  const parts: Buffer[] = [];
  for (const [name, { version }] of Object.entries(extensions)) {
    for (const text of [name, version]) {
      const string = Buffer.allocUnsafe(4 + text.length);
      string.writeUInt32BE(text.length, 0);
      string.write(text, 4, 'latin1');
      parts.push(string);
    }
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([
    packet(packetType.version, protocolVersion, body.byteLength).subarray(0, bodyAt),
    body,
  ]);
}

export function encodeStatus(id: number, code: StatusCode, message: string): Buffer {
  const length = Buffer.byteLength(message);
  const bytes = packet(packetType.status, id, 4 + 4 + length + 4);
  let next = bytes.writeUInt32BE(code, bodyAt);
  next = writeString(bytes, message, length, next);
  bytes.writeUInt32BE(0, next); // language tag
  return bytes;
}

export function encodeHandle(id: number, handle: Uint8Array): Buffer {
  const bytes = packet(packetType.handle, id, 4 + handle.byteLength);
  bytes.writeUInt32BE(handle.byteLength, bodyAt);
  bytes.set(handle, bodyAt + 4);
  return bytes;
}

/** Encodes a DATA reply up to its `byteLength` bytes of data. */
export function encodeDataHead(id: number, byteLength: number): Buffer {
  const bytes = Buffer.allocUnsafe(bodyAt + 4);
  bytes.writeUInt32BE(5 + 4 + byteLength, 0);
  bytes[4] = packetType.data;
  bytes.writeUInt32BE(id, 5);
  bytes.writeUInt32BE(byteLength, bodyAt);
  return bytes;
}

export function encodeAttributes(id: number, attributes: Attributes): Buffer {
  const bytes = packet(packetType.attrs, id, attributeBytes);
  writeAttributes(bytes, attributes, bodyAt);
  return bytes;
}

/** Returns the size of an entry in a NAME reply, in bytes. */
export function nameEntryBytes(entry: NameEntry): number {
  return (
    8 +
    Buffer.byteLength(entry.filename) +
    Buffer.byteLength(entry.longname) +
    (entry.attributes === null ? 4 : attributeBytes)
  );
}

export function encodeNames(id: number, entries: readonly NameEntry[]): Buffer {
  let length = 4;
  for (const entry of entries) length += nameEntryBytes(entry);
  const bytes = packet(packetType.name, id, length);
  let next = bytes.writeUInt32BE(entries.length, bodyAt);
  for (const entry of entries) {
    next = writeString(bytes, entry.filename, Buffer.byteLength(entry.filename), next);
    next = writeString(bytes, entry.longname, Buffer.byteLength(entry.longname), next);
    next =
      entry.attributes === null
        ? bytes.writeUInt32BE(0, next)
        : writeAttributes(bytes, entry.attributes, next);
  }
  return bytes;
}

/** Encodes the reply to `limits@openssh.com` (OpenSSH PROTOCOL, section 4.8). */
export function encodeLimits(id: number, maxHandles: number): Buffer {
  const bytes = packet(packetType.extendedReply, id, 4 * 8);
  let next = writeSize(bytes, announcedLimits.packetBytes, bodyAt);
  next = writeSize(bytes, announcedLimits.readBytes, next);
  next = writeSize(bytes, announcedLimits.writeBytes, next);
  writeSize(bytes, maxHandles, next);
  return bytes;
}

/** Encodes the reply to `statvfs@openssh.com` and `fstatvfs@openssh.com` (OpenSSH PROTOCOL, section 4.4). */
export function encodeStatistics(id: number, statistics: FileSystemStatistics): Buffer {
  const { blockSize, totalBlocks, freeBlocks } = statistics;
  const nameMax = 255;
  // bsize, frsize, blocks, bfree, bavail, files, ffree, favail, fsid, flag, namemax. No tree counts inodes.
  const fields = [blockSize, blockSize, totalBlocks, freeBlocks, freeBlocks, 0, 0, 0, 0, 0, nameMax];
  const bytes = packet(packetType.extendedReply, id, fields.length * 8);
  fields.reduce((at, field) => writeSize(bytes, field, at), bodyAt);
  return bytes;
}

/**
 * Encodes the reply to `users-groups-by-id@openssh.com`: a name for each id, empty if unknown (OpenSSH
 * PROTOCOL, section 4.11).
 */
export function encodeUserAndGroupNames(
  id: number,
  users: readonly string[],
  groups: readonly string[],
): Buffer {
  const lists = [users, groups].map((names) => names.map((name) => Buffer.from(name)));
  const listBytes = lists.map((names) => names.reduce((sum, name) => sum + 4 + name.byteLength, 0));
  const bytes = packet(
    packetType.extendedReply,
    id,
    listBytes.reduce((sum, length) => sum + 4 + length, 0),
  );
  let next = bodyAt;
  lists.forEach((names, index) => {
    next = bytes.writeUInt32BE(listBytes[index] ?? 0, next);
    for (const name of names) {
      next = bytes.writeUInt32BE(name.byteLength, next);
      bytes.set(name, next);
      next += name.byteLength;
    }
  });
  return bytes;
}

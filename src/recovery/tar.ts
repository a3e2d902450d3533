import { Fault } from '../model/fault.js';

/** A file of an archive. */
export interface TarEntry {
  /** Relative, with `/` between names. */
  readonly path: string;
  readonly content: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
}

const blockBytes = 512;
const nameBytes = 100;
const magic = 'ustar\x0000';

/**
 * A tar archive of plain files (POSIX.1-1988 ustar, https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06),
 * so that `tar` opens it on a machine without this program. The same entries give the same bytes: times and owners are left out. Throws
 * `bug` for a path of more than 100 bytes.
 */
export function writeTar(entries: readonly TarEntry[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { path, content, mode } of entries) {
    blocks.push(header(path, content.byteLength, mode), Buffer.from(content));
    blocks.push(Buffer.alloc(padding(content.byteLength)));
  }
  // Two empty blocks are the end.
  blocks.push(Buffer.alloc(2 * blockBytes));
  return Buffer.concat(blocks);
}

/** The files of an archive that `writeTar` made. Throws `corrupt` for any other, or an incomplete one. */
export function readTar(archive: Buffer): readonly TarEntry[] {
  const entries: TarEntry[] = [];
  let at = 0;
  for (;;) {
    const head = archive.subarray(at, at + blockBytes);
    if (head.byteLength < blockBytes) throw new Fault('corrupt', 'the archive ends in the middle');
    if (head.every((byte) => byte === 0)) return entries;
    const entry = readHeader(head);
    at += blockBytes;
    const content = archive.subarray(at, at + entry.size);
    if (content.byteLength < entry.size)
      throw new Fault('corrupt', `the archive ends in the middle of ${entry.path}`);
    entries.push({ path: entry.path, mode: entry.mode, content });
    at += entry.size + padding(entry.size);
  }
}

function header(path: string, size: number, mode: number): Buffer {
  const head = Buffer.alloc(blockBytes);
  if (Buffer.byteLength(path) > nameBytes) throw new Fault('bug', `${path} is too long for an archive`);
  head.write(path, 0);
  writeOctal(head, mode, fields.mode);
  writeOctal(head, 0, fields.uid);
  writeOctal(head, 0, fields.gid);
  writeOctal(head, size, fields.size);
  writeOctal(head, 0, fields.mtime);
  head.write('0', typeAt);
  head.write(magic, magicAt, 'latin1');
  writeOctal(head, checksum(head), fields.checksum);
  return head;
}

interface Field {
  readonly at: number;
  readonly bytes: number;
}

const fields = {
  mode: { at: 100, bytes: 8 },
  uid: { at: 108, bytes: 8 },
  gid: { at: 116, bytes: 8 },
  size: { at: 124, bytes: 12 },
  mtime: { at: 136, bytes: 12 },
  checksum: { at: 148, bytes: 8 },
} as const satisfies Record<string, Field>;
const typeAt = 156;
const magicAt = 257;

function readHeader(head: Buffer): { readonly path: string; readonly size: number; readonly mode: number } {
  const name = head.subarray(0, nameBytes);
  const end = name.indexOf(0);
  const path = name.subarray(0, end === -1 ? nameBytes : end).toString('utf8');
  const isOurs =
    head.toString('latin1', magicAt, magicAt + magic.length) === magic &&
    head[typeAt] === 0x30 &&
    path !== '';
  if (!isOurs || readOctal(head, fields.checksum) !== checksum(head)) {
    throw new Fault('corrupt', 'the archive is damaged, or of another kind');
  }
  return { path, size: readOctal(head, fields.size), mode: readOctal(head, fields.mode) };
}

/** The sum of all bytes, those of the checksum itself taken as blanks. */
function checksum(head: Buffer): number {
  const { at, bytes } = fields.checksum;
  return head.reduce((sum, byte, index) => sum + (index >= at && index < at + bytes ? 0x20 : byte), 0);
}

function writeOctal(head: Buffer, value: number, { at, bytes }: Field): void {
  const text = value.toString(8).padStart(bytes - 1, '0');
  if (text.length >= bytes) throw new Fault('bug', `${value} is too large for an archive`);
  head.write(text, at, 'latin1');
}

function readOctal(head: Buffer, { at, bytes }: Field): number {
  const text = head.toString('latin1', at, at + bytes - 1);
  if (!/^[0-7]+$/.test(text)) throw new Fault('corrupt', 'the archive is damaged');
  return Number.parseInt(text, 8);
}

function padding(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}
